# SPDX-License-Identifier: MPL-2.0
# Jobs for Hydra: packages and checks of both systems, and one aggregate that fails when any of them does. Nothing here
# builds while it evaluates, so that restricted evaluation serves.
{
  self,
  lib,
  systems,
}:
let
  # What cannot be built because something of it is not pinned is not a job.
  pinned = lib.filterAttrs (_: package: !(package.unpinned or false));
  jobs = lib.genAttrs [ "packages" "checks" ] (
    kind: lib.genAttrs systems (system: pinned self.${kind}.${system})
  );
  # PREFIX.SYSTEM.NAME of each job, as Hydra names constituents.
  names = lib.concatMap (
    kind:
    lib.concatMap (
      system: map (name: "${kind}.${system}.${name}") (builtins.attrNames jobs.${kind}.${system})
    ) systems
  ) (builtins.attrNames jobs);
in
jobs
// {
  # Hydra reads `_hydraAggregate` and the names; `constituents` are jobs of the same evaluation.
  release = derivation {
    name = "release";
    system = builtins.head systems;
    builder = "/bin/sh";
    args = [
      "-c"
      "echo ok >$out"
    ];
    _hydraAggregate = true;
    constituents = names;
  };
}
