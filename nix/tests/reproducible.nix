# SPDX-License-Identifier: MPL-2.0
# Building again, at another time and with another number of cores, gives the same bits: every derivation from the
# compilers' output to the image, and the tools that made them.
# Takes `packages` and `again`: the same tree over a package set whose builds are other derivations.
{
  lib,
  runCommand,
  packages,
  again,
}:
let
  compared = {
    inherit (packages)
      tfa
      u-boot
      kernel
      dtb
      containerd
      machined
      cni
      flannel
      imager
      initramfs
      overlay
      sdImage
      ;
    installer-amd64 = packages.installer.amd64;
    installer-arm64 = packages.installer.arm64;
  };
  other = again // {
    installer-amd64 = again.installer.amd64;
    installer-arm64 = again.installer.arm64;
  };
in
runCommand "reproducible" { } ''
  differ=
  compare() { # NAME FIRST SECOND
    if diff --recursive --brief --no-dereference "$2" "$3"; then
      echo "$1: the same bits"
    else
      differ="$differ $1"
    fi
  }
  ${lib.concatLines (
    lib.mapAttrsToList (
      name: first:
      assert first.outPath != other.${name}.outPath;
      "compare ${name} ${first} ${other.${name}}"
    ) compared
  )}
  if [ -n "$differ" ]; then
    echo "built twice, these differ:$differ" >&2
    exit 1
  fi
  touch $out
''
