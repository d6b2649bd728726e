# SPDX-License-Identifier: MPL-2.0
# What nix/debian/build is given in the environment reaches the recipes as it is, whatever its name (nix/tests/build-arguments).
{
  callPackage,
  runCommand,
  nix,
}:
runCommand "build-arguments"
  {
    nativeBuildInputs = [ nix ];
    source = callPackage ./flake/files.nix { };
  }
  ''
    bash $source/nix/tests/build-arguments/run.sh $source
    touch $out
  ''
