# SPDX-License-Identifier: MPL-2.0
# The flake evaluates completely, on both systems, without the Internet (nix/tests/flake/evaluate.sh). Outputs: the time and
# memory each output takes.
{
  callPackage,
  runCommand,
  jq,
  nix,
}:
runCommand "flake-evaluates"
  {
    nativeBuildInputs = [
      jq
      nix
    ];
    src = callPackage ./flake/files.nix { };
  }
  ''
    bash $src/nix/tests/flake/evaluate.sh $src | tee $out
  ''
