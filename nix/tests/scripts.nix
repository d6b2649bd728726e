# SPDX-License-Identifier: MPL-2.0
# Every shell script passes shellcheck.
{
  lib,
  runCommand,
  shellcheck,
}:
let
  # Not what is code by its name: a changed line of it is no reason to read the scripts again.
  scripts = lib.fileset.fileFilter (
    file:
    !builtins.any (suffix: lib.hasSuffix suffix file.name) [
      ".c"
      ".go"
      ".nix"
    ]
  );
in
runCommand "scripts"
  {
    nativeBuildInputs = [ shellcheck ];
    src = lib.fileset.toSource {
      root = ../..;
      fileset = lib.fileset.unions [
        (scripts ../../.ci)
        (scripts ../../dts)
        (scripts ../../internal)
        (scripts ../../nix)
      ];
    };
  }
  ''
    cd $src
    bash .ci/check shell
    touch $out
  ''
