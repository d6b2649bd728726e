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
    # busybox' shell
    shellcheck --shell=dash nix/debian/enter.sh nix/debian/tree.sh
    touch $out
  ''
