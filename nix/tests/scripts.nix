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
        ../../internal
        ../../nix
      ];
    };
  }
  ''
    cd $src
    bash .ci/check shell
    touch $out
  ''
