# SPDX-License-Identifier: MPL-2.0
# Every shell script passes shellcheck.
{
  lib,
  runCommand,
  shellcheck,
}:
runCommand "scripts"
  {
    nativeBuildInputs = [ shellcheck ];
    src = lib.fileset.toSource {
      root = ../..;
      fileset = lib.fileset.unions [
        ../../.ci
        ../../dts
        ../../nix
      ];
    };
  }
  ''
    cd $src
    # A script is what says so in its first lines, whatever its name.
    grep -rlE --exclude='*.nix' --exclude='*.go' '^#!.*sh|shellcheck shell=' . | sort >$NIX_BUILD_TOP/scripts
    grep -q nix/debian/build $NIX_BUILD_TOP/scripts
    xargs shellcheck --external-sources <$NIX_BUILD_TOP/scripts
    # busybox' shell. The derivation's attributes are its variables, and Nix sets $out (SC2154, SC2115).
    shellcheck --shell=dash --exclude=SC2154,SC2115 nix/debian/enter.sh nix/debian/tree.sh
    touch $out
  ''
