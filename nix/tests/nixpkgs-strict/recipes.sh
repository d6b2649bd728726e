#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# shellcheck disable=SC2015,SC2154 # A && B || fail; the attributes of the check are its variables
# recipes.sh: what recipes do themselves because nixpkgs' builders or packages may do otherwise. Reads $bl31 (nix/boot/tfa.nix),
# $spl and $itb (u-boot.nix), $imagerToolsPath (the text of imager-tools' build), $xfsprogs, $docs, $setup.
set -euo pipefail
fail() {
  echo "recipes.sh: $*" >&2
  exit 1
}
# The source's date is not the same with each set.
grep -aq 'Built : 00:00:00, Jan  1 1980' "$bl31" || fail "BL31 has the date of its source"
grep -aq 'U-Boot SPL 2025.01 (Jan 01 1980' "$spl" || fail "SPL has the date of its source"
grep -aq 'U-Boot 2025.01 (Jan 01 1980' "$itb" || fail "U-Boot has the date of its source"

# An xfsprogs that makes another file system each time, or without the options that GRUB reads, is refused and says so.
tools() { # VERSION DIRECTORY: what imager-tools says with an xfsprogs of this version
  mkdir -p "$2/bin" "$2/share/xfsprogs/mkfs"
  printf '#!/bin/sh\necho mkfs.xfs version %s\n' "$1" >"$2/bin/mkfs.xfs"
  chmod +x "$2/bin/mkfs.xfs"
  sed "s,$xfsprogs/bin/mkfs.xfs -V,$2/bin/mkfs.xfs -V,; s,-e $xfsprogs/share/xfsprogs,-e $2/share/xfsprogs," \
    "$imagerToolsPath" >"$2/text"
  (
    unset passAsFile imagerToolsPath
    buildCommand=$(cat "$2/text") out="$2/out" nativeBuildInputs='' buildInputs='' bash -e "$setup" 2>&1
  )
}
! tools 6.17.0 "$PWD/old" >old.log || fail "imager-tools takes xfsprogs 6.17.0"
grep -q 'xfsprogs is 6.17.0' old.log || fail "imager-tools does not say what is wrong with xfsprogs 6.17.0: $(cat old.log)"
! tools 7.0.1 "$PWD/bare" >bare.log || fail "imager-tools takes an xfsprogs without lts_6.12.conf"
grep -q 'lts_6.12.conf' bare.log || fail "imager-tools does not say what xfsprogs lacks: $(cat bare.log)"
mkdir -p "$PWD/good/share/xfsprogs/mkfs"
touch "$PWD/good/share/xfsprogs/mkfs/lts_6.12.conf"
tools 7.0.1 "$PWD/good" >good.log || fail "imager-tools refuses xfsprogs 7.0.1: $(cat good.log)"

# lib/minfeatures.nix of nixpkgs
grep -q 'Nix 2.18 or newer' "$docs" || fail "docs/nix.md does not say which Nix nixpkgs asks for (2.18)"

# A runner's disk holds two toolchains and one image when it has made room first (.ci/make-room).
mkdir -p machine/usr/share/dotnet machine/bin machine/nix
df() { printf 'head\nnix 1 1 %s\n' "$free"; }
export -f df
free=29999 bash "$ci/make-room" "$PWD/machine" >/dev/null 2>room.log && fail "make-room is content with 29999 MB"
grep -q '29999 MB free' room.log || fail "make-room does not say how much is free: $(cat room.log)"
free=30000 bash "$ci/make-room" "$PWD/machine" >/dev/null || fail "make-room is not content with 30000 MB"
[ ! -e machine/usr/share/dotnet ] && [ -d machine/nix ] || fail "make-room took the wrong things"
rooms=$(grep -c 'run: sudo .ci/make-room' "$workflow") builds=$(grep -c 'runs-on:' "$workflow")
[ "$rooms" = "$builds" ] || fail "of $builds jobs of the workflow $rooms make room on the disk first"
images=$(grep -o 'nix build [^>]*\.#sdImage[^ ]*' "$workflow" | sed 's/.*#//' | sort -u)
[ "$images" = sdImage ] || fail "the workflow builds the images $(echo "$images" | tr '\n' ' '), want one"
