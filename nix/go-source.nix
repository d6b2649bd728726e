# SPDX-License-Identifier: MPL-2.0
# Sources of the root Go module: `only PATHS` with go.mod and go.sum, and `everything`.
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
    ./tests/boot
  ];
}
