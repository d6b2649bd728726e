# SPDX-License-Identifier: MPL-2.0
# `nix flake check`: the test suite, and the evaluation of every output on both systems. Nix' own formatting is `nix fmt`'s.
{
  lib,
  pkgs,
  project,
  self,
  ...
}:
let
  # The names of all outputs with their derivations: writing them evaluates each, on this system and the other.
  evaluated =
    kind:
    lib.concatLines (
      lib.concatMap (
        system:
        lib.mapAttrsToList (
          name: package: "${kind}.${system}.${name} ${builtins.unsafeDiscardStringContext package.drvPath}"
        ) self.${kind}.${system}
      ) (builtins.attrNames self.${kind})
    );
  tests = (project pkgs { }).checks;
in
# Of the embedded package set and its scripts these two ask, not of nixpkgs.
removeAttrs tests [
  "build-arguments"
  "nixpkgs-strict"
]
// {
  # SPDX' own schema is on the Internet only.
  sbom = tests.sbom.override {
    schema = pkgs.fetchurl { inherit ((import ../pins.nix).spdx-schema) url hash; };
  };
  nixpkgs-interface = import ../tests/nixpkgs-interface.nix {
    inherit lib pkgs;
    inherit (pkgs) runCommand;
  };
  eval = pkgs.runCommand "eval" {
    derivations = evaluated "packages" + evaluated "devShells";
    passAsFile = [ "derivations" ];
  } "cp $derivationsPath $out";
}
