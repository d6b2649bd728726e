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
  # The tests' programs of this module; those beside them have a go.mod of their own.
  programs = lib.fileset.difference ./tests/programs (
    lib.fileset.unions [
      ./tests/programs/executor
      ./tests/programs/node
      ./tests/programs/overlay-pull
    ]
  );
}
