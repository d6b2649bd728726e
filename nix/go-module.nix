# SPDX-License-Identifier: MPL-2.0
# The root Go module for buildGoModule.
# Outputs: `only PATHS` (a source: these, go.mod and go.sum), `programs` (those of the tests, a file set), `build
# BUILDGOMODULE ARGUMENTS` (static, with the dependencies that are vendored once for all of them), `check BUILDGOMODULE ARGUMENTS`
# (the same, which finds them compiled) and `bootTest BUILDGOMODULE ARGUMENTS` (the tests of a program that boot something in QEMU).
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
  # Go's own packages and the dependencies, compiled and vetted: a build cache, which each check would fill with the same.
  # Its entries have their time in them, which is set to the same for all.
  dependencies =
    buildGoModule:
    build buildGoModule {
      pname = "go-dependencies";
      version = "0";
      src = only [ ];
      buildPhase = ''
        # Without its index of Go's own packages, which has Go's place in the store in it.
        export GODEBUG=goindex=0
        mkdir all
        packages=$(
          go list -e -f '{{if and .GoFiles (ne .Name "main")}}{{.ImportPath}}{{end}}' std $(grep -v '^#' vendor/modules.txt) |
            grep -vE '(^|/)(internal|vendor)(/|$)|^runtime/(asan|cgo|msan|race)$'
        )
        { echo 'package all'; printf 'import _ "%s"\n' $packages; } >all/all.go
        { echo 'package all'; echo 'import _ "testing"'; } >all/all_test.go
        go vet ./all
        go test ./all
      '';
      doCheck = false;
      installPhase = ''
        find $GOCACHE -name '*-a' -exec sed -i -E 's/[ 0-9]{20}$/ 1000000000000000000/' {} +
        rm $GOCACHE/trim.txt
        cp -r $GOCACHE $out
      '';
    };
  check =
    buildGoModule: arguments:
    build buildGoModule (
      arguments
      // {
        buildPhase = ''
          cp -r --no-preserve=mode,ownership,timestamps ${dependencies buildGoModule} $GOCACHE
          ${arguments.buildPhase}
        '';
      }
    );
  # `program` of nix/tests/programs, `internal` (the packages below internal/ that it and its tests use, as nix/go.nix has
  # it), `minutes` after which it counts as hung, `flags` of `go test`; and what else buildGoModule takes.
  bootTest =
    buildGoModule:
    {
      program,
      internal,
      minutes,
      flags ? [ ],
      ...
    }@arguments:
    let
      package = "./nix/tests/programs/${program}";
    in
    check buildGoModule (
      removeAttrs arguments [
        "program"
        "internal"
        "minutes"
        "flags"
      ]
      // {
        pname = program;
        version = "0";
        src = only ([ (./tests/programs + "/${program}") ] ++ map (name: ../internal + "/${name}") internal);
        buildPhase = "go vet -tags qemu ${package}";
        doCheck = true;
        checkPhase = "go test -v -timeout ${toString minutes}m ${toString flags} -tags qemu ${package}";
        installPhase = "touch $out";
      }
    );
  everything = only code;
  # What there is of Go in this module, but for what draws the pictures of docs/.
  code = [
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
    ./tests/programs/lists
    ./tests/programs/overlay-artifacts
    ./tests/programs/pause
    ./tests/programs/registry
    ./tests/programs/start-qemu
    ./tests/programs/two-disks
    ./tests/programs/web
    ./tests/programs/workloads
  ];
}
