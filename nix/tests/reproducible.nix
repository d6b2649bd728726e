# SPDX-License-Identifier: MPL-2.0
# Building again, at another time and with another number of cores, is bit-for-bit identical.
# Arguments: `first` and `second`: packages by name, the second ones of a package set whose builds are other derivations.
{
  lib,
  runCommand,
  first,
  second,
}:
runCommand "reproducible" { } ''
  differ=
  compare() { # NAME FIRST SECOND
    if diff --recursive --brief --no-dereference "$2" "$3"; then
      echo "$1: bit-for-bit identical"
    else
      differ="$differ $1"
    fi
  }
  ${lib.concatLines (
    lib.mapAttrsToList (
      name: package:
      assert package.outPath != second.${name}.outPath;
      "compare ${name} ${package} ${second.${name}}"
    ) first
  )}
  if [ -n "$differ" ]; then
    echo "built twice, these differ:$differ" >&2
    exit 1
  fi
  touch $out
''
