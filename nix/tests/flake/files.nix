# SPDX-License-Identifier: MPL-2.0
# The files that evaluating the flake reads.
{ lib }:
lib.fileset.toSource {
  root = ../../..;
  fileset = lib.fileset.unions [
    ../../../CHANGELOG.md
    ../../../LICENSE
    ../../../cmd
    ../../../default.nix
    ../../../dts
    ../../../flake.lock
    ../../../flake.nix
    ../../../go.mod
    ../../../go.sum
    ../../../installer
    ../../../internal
    ../../../nix
    ../../../patches
    ../../../profiles
    ../../../templates
  ];
}
