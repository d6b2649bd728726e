#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# shellcheck disable=SC2015,SC2154 # A && B || fail; the attributes of the check are its variables
# recipes.sh: the source's date, which is not the same with each package set, is in nothing that is built, and BL31 has no frame
# pointers. Reads $bl31 (nix/boot/tfa.nix), $framed (without what that recipe does about them), $spl and $itb (u-boot.nix).
set -euo pipefail
fail() {
  echo "recipes.sh: $*" >&2
  exit 1
}
grep -aq 'Built : 00:00:00, Jan  1 1980' "$bl31" || fail "BL31 has the date of its source"
grep -aq 'U-Boot SPL 2025.01 (Jan 01 1980' "$spl" || fail "SPL has the date of its source"
grep -aq 'U-Boot 2025.01 (Jan 01 1980' "$itb" || fail "U-Boot has the date of its source"

frames() { LC_ALL=C grep -aqP '\xfd\x03\x00\x91' "$1"; } # mov x29, sp
! frames "$bl31" || fail "BL31 has frame pointers, with which the secondary cores of a board do not come up"
frames "$framed" || fail "got no frame pointers in a BL31 whose compiler was told nothing, want them as nixpkgs' compilers keep them"
