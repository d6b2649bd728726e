# SPDX-License-Identifier: MPL-2.0
# The flake evaluates completely, on both systems, without the Internet (nix/tests/flake/evaluate.sh). Outputs: the time and
# memory each output takes.
{
  lib,
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
    src = import ./flake/files.nix { inherit lib; };
  }
  ''
    bash $src/nix/tests/flake/evaluate.sh $src | tee $out
  ''
