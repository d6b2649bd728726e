# SPDX-License-Identifier: MPL-2.0
# The files that evaluating the flake reads.
{ lib }:
lib.fileset.toSource {
  root = ../../..;
  fileset = lib.fileset.unions [
    ../../../.ci
    ../../../.github
    ../../../.golangci.yml
    ../../../CHANGELOG.md
    ../../../CONTRIBUTING.md
    ../../../LICENSE
    ../../../README.md
    ../../../cmd
    ../../../default.nix
    ../../../docs
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
