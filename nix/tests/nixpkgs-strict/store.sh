#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# store.sh ENTER: a build sees of the store its inputs, read-only, and nothing else, though Nix' own sandbox be off: ENTER runs
# with a store of its own that holds more. Reads $rootTree and $builder, as a build has them.
set -euo pipefail
enter=$1
top=$PWD
export NIX_STORE=/tmp/store
input=$NIX_STORE/00000000000000000000000000000000-input
secret=$NIX_STORE/11111111111111111111111111111111-secret
mkdir -p "$input" "$secret" "$top/build"
echo input >"$input/file"
echo secret >"$secret/file"

cat >"$top/setup" <<END
[ "\$(cat $input/file)" = input ]
! echo changed 2>/dev/null >$input/file
! rm -rf $input 2>/dev/null
! cat $secret/file 2>/dev/null
mkdir -p $secret 2>/dev/null || true
echo other >$secret/file 2>/dev/null || true
ls $NIX_STORE >\$out
END
cp "$top/setup" "$top/build/setup"
printf '%s\n' "$input" "" 0 >"$top/build/inputs-0"
out=$NIX_STORE/22222222222222222222222222222222-out
env NIX_BUILD_TOP="$top/build" out="$out" setup=/build/setup passAsFile='' outputHashMode='' "$builder" "$enter"
fail() {
  echo "store.sh: $*" >&2
  exit 1
}
[ "$(cat "$input/file")" = input ] || fail "a build changed its input"
[ "$(cat "$secret/file")" = secret ] || fail "a build changed a path that is no input of its own"
[ "$(grep -c secret "$out")" -le 1 ] && [ -f "$out" ] || fail "a build saw what is no input of its own"
