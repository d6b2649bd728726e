# SPDX-License-Identifier: MPL-2.0
# The root Go module for buildGoModule.
# Outputs: `only PATHS` (a source: these, go.mod and go.sum), `programs` (those of the tests, a file set) and `build
# BUILDGOMODULE ARGUMENTS` (static, with the dependencies that are vendored once for all of them).
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
  build =
    buildGoModule: arguments:
    buildGoModule (
      arguments
      // {
        vendorHash = (import ./vendor-hashes.nix).root;
        # What is vendored depends on every package of the module.
        overrideModAttrs = _: {
          name = "nanopi-m6-go-modules";
          src = everything;
        };
        env = {
          CGO_ENABLED = 0;
        }
        // arguments.env or { };
      }
    );
  everything = only [
    ../cmd
    ../installer
    ../internal
    programs
  ];
  # The tests' programs of this module; what else is there has a go.mod of its own.
  programs = lib.fileset.unions [
    ./tests/programs/board
    ./tests/programs/boot
    ./tests/programs/boot-flow
    ./tests/programs/device-tree
    ./tests/programs/kernel-check
    ./tests/programs/overlay-artifacts
    ./tests/programs/registry
    ./tests/programs/two-disks
  ];
}
