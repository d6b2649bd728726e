# SPDX-License-Identifier: MPL-2.0
# Sources of the root Go module: `only PATHS` with go.mod and go.sum, `everything`, and the tests' `programs`.
{ lib }:
rec {
  only =
    paths:
    lib.fileset.toSource {
      root = ../.;
      fileset = lib.fileset.unions (
        [
          ../go.mod
          ../go.sum
        ]
        ++ paths
      );
    };
  everything = only [
    ../cmd
    ../installer
    ../internal
    programs
  ];
  # The tests' programs of this module; what else is there has a go.mod of its own.
  programs = lib.fileset.unions [
    ./tests/programs/boot
    ./tests/programs/boot-flow
    ./tests/programs/device-tree
    ./tests/programs/kernel-check
    ./tests/programs/overlay-artifacts
    ./tests/programs/registry
  ];
}
