# SPDX-License-Identifier: MPL-2.0
# The embedded package set is as strict as nixpkgs: a recipe that builds here builds there. Each part fails where the set
# became kinder than nixpkgs, or where a recipe would fail with nixpkgs' builders (nix/tests/nixpkgs-strict).
{
  lib,
  callPackage,
  stdenv,
  stdenvNoCC,
  runCommand,
  arm64,
  binutils,
  git,
  jq,
  nix,
  python3,
  kernel,
  sources,
  tfa,
  u-boot,
}:
let
  setup = ../debian/setup.sh;
  # What a compiler finds, and what it makes of C, in an environment of these inputs.
  probe =
    name: attributes: script:
    stdenv.mkDerivation (
      {
        name = "nixpkgs-strict-${name}";
        dontUnpack = true;
        buildPhase = script;
        installPhase = "touch $out";
      }
      // attributes
    );
  inputs = lib.filter (input: input ? debianTools) kernel.nativeBuildInputs;
  # What the embedded set's two builders have called their own variables, and would again.
  attributeNames = [
    "file"
    "files"
    "hook"
    "input"
    "inputs"
    "libraries"
    "line"
    "loader"
    "network"
    "outside"
    "own"
    "path"
    "phase"
    "search"
    "top"
  ];
  withoutZlib = lib.filter (input: input.name != "zlib") inputs;

  parts = {
    # The kernel's tools/bpf/resolve_btfids links elfutils and zlib.
    kernel-inputs = probe "kernel-inputs" { nativeBuildInputs = inputs; } ''
      printf '#include <libelf.h>\n#include <zlib.h>\nint main(void) { return elf_version(EV_CURRENT) + !zlibVersion(); }\n' >both.c
      gcc both.c -lelf -lz -o both
    '';
    dragged-headers = probe "dragged-headers" { nativeBuildInputs = withoutZlib; } ''
      ls /usr/include/libelf.h
      echo '#include <zlib.h>' >zlib.c
      echo 'int main(void) { return 0; }' >main.c
      if gcc -E zlib.c; then echo "zlib's header is here, which no input gives: libelf-dev dragged it along" >&2; exit 1; fi
      if gcc main.c -lz; then echo "zlib can be linked, which no input gives" >&2; exit 1; fi
    '';
    # Perl comes with Git, and is not a program of git's.
    dragged-programs = stdenvNoCC.mkDerivation {
      name = "nixpkgs-strict-dragged-programs";
      nativeBuildInputs = [ git ];
      buildCommand = ''
        git --version
        ls /usr/bin/perl
        for program in perl zstd python3 which gcc bwrap; do
          if type -P $program; then echo "$program is in PATH, which no input gives" >&2; exit 1; fi
        done
        (perl -v || true) 2>&1 | grep -F 'nix/debian/tools.nix' || { echo "nothing says why perl is not found" >&2; exit 1; }
        for file in /usr/bin/env /bin/bash; do
          if [ -e $file ]; then echo "$file is there, which Nix' sandbox has not" >&2; exit 1; fi
        done
        touch $out
      '';
    };
    # A cross build has its own compiler only, unless it names the build platform's.
    cross = arm64.stdenv.mkDerivation {
      name = "nixpkgs-strict-cross";
      buildCommand = ''
        if type -P gcc; then echo "gcc is in PATH without depsBuildBuild" >&2; exit 1; fi
        [ "$CC" = ${arm64.stdenv.cc.targetPrefix}gcc ] && type -P $CC && [ -z "''${CC_FOR_BUILD:-}" ]
        touch $out
      '';
    };

    # What a recipe calls its attributes is its own affair: nothing of the builder's writes over one.
    attributes = stdenv.mkDerivation (
      lib.genAttrs attributeNames (name: "the recipe's ${name}")
      // {
        name = "nixpkgs-strict-attributes";
        text = "by file";
        passAsFile = [ "text" ];
        dontUnpack = true;
        buildPhase = ''
          for attribute in ${toString attributeNames}; do
            [ "''${!attribute}" = "the recipe's $attribute" ] || {
              echo "\$$attribute: got ''${!attribute@Q}, want what the recipe gives" >&2
              exit 1
            }
          done
          [ "$name" = nixpkgs-strict-attributes ] && [ "$(cat "$textPath")" = "by file" ]
        '';
        installPhase = "touch $out";
      }
    );

    hardened = probe "hardened" { nativeBuildInputs = [ binutils ]; } "bash ${./nixpkgs-strict/compiler.sh} on";
    unhardened = probe "unhardened" {
      nativeBuildInputs = [ binutils ];
      hardeningDisable = [ "all" ];
    } "bash ${./nixpkgs-strict/compiler.sh} off";
    omitted = probe "omitted" {
      nativeBuildInputs = [ binutils ];
      hardeningDisable = [ "all" ];
      env.NIX_CFLAGS_COMPILE = "-fomit-frame-pointer";
    } "bash ${./nixpkgs-strict/compiler.sh} omitted";

    # Attributes that are no environment: newer forms of nixpkgs' builders have them so.
    structured = stdenv.mkDerivation {
      name = "nixpkgs-strict-structured";
      __structuredAttrs = true;
      dontUnpack = true;
      list = [
        "a b"
        "c"
        ./nixpkgs-strict
      ];
      set.key = "y z";
      nested = [ [ "no shell has it" ] ];
      flag = true;
      off = false;
      nothing = null;
      text = "it's text";
      passAsFile = [ "text" ];
      env.EXPORTED = "exported";
      makeFlags = [ "WORDS=one two" ];
      buildFlags = [ "made" ];
      preBuild = "printf 'made:\\n\\tprintf %%s \"$(WORDS)\" >made\\n' >Makefile";
      installPhase = ". ${./nixpkgs-strict/structured.sh}; touch $out";
    };

    phases = runCommand "nixpkgs-strict-phases" {
      nativeBuildInputs = [
        binutils
        stdenv.cc
      ];
    } "bash ${./nixpkgs-strict/phases.sh} ${setup}; touch $out";
    store = runCommand "nixpkgs-strict-store" {
      enter = ../debian/enter.sh;
      # Its wrapper brings the builder's shell along.
      nativeBuildInputs = [ stdenv.cc ];
    } "bash ${./nixpkgs-strict/store.sh} $enter; touch $out";

    # What the recipes do so that it is the same with either set; and that each of these things is missed where it is undone.
    recipes = runCommand "nixpkgs-strict-recipes" {
      spl = "${u-boot}/u-boot-spl.bin";
      itb = "${u-boot}/u-boot.itb";
      bl31 = "${tfa}/bl31.elf";
      framed = "${
        tfa.overrideAttrs (old: {
          env = old.env // {
            NIX_CFLAGS_COMPILE = "-no-pie";
          };
        })
      }/bl31.elf";
    } "bash ${./nixpkgs-strict/recipes.sh}; touch $out";
    undone = runCommand "nixpkgs-strict-undone" {
      nativeBuildInputs = [
        jq
        nix
        (python3.withPackages (p: [
          p.libfdt
          p.setuptools
          p.pyelftools
        ]))
      ];
      inherit setup;
      src = callPackage ./flake/files.nix { };
      docs = ../../docs/nix.md;
      ci = ../../.ci;
      workflow = ../../.github/workflows/build.yaml;
      tfaSource = sources.tfa.src;
      ubootSource = u-boot.source.src;
    } "bash ${./nixpkgs-strict/undone.sh} | tee $out";
  };
in
runCommand "nixpkgs-strict" { parts = builtins.attrValues parts; } "touch $out"
