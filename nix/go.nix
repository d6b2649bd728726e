# SPDX-License-Identifier: MPL-2.0
# One of this repository's own Go programs, static.
# Takes `package` (its directory), for the set's host platform. Gives bin/NAME.
{
  lib,
  buildGoModule,
  package,
}:
let
  root = ../.;
in
buildGoModule {
  pname = baseNameOf package;
  version = "0";
  src = lib.fileset.toSource {
    inherit root;
    fileset = lib.fileset.unions [
      ../go.mod
      ../go.sum
      ../cmd
      ../installer
      ../internal
      ./tests/boot
    ];
  };
  vendorHash = (import ./vendor-hashes.nix).root;
  subPackages = [ package ];
  env.CGO_ENABLED = 0;
  ldflags = [
    "-s"
    "-w"
  ];
  # Tests run once, for all packages: nix/tests/go.nix.
  doCheck = false;
  meta = {
    mainProgram = baseNameOf package;
    license = lib.licenses.mpl20;
  };
}
