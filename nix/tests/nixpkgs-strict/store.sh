#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# shellcheck disable=SC2012,SC2154 # names of store paths are words; the attributes of the check are its variables
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
ls $NIX_STORE >/build/seen
# Tried, and the outer script looks what came of it.
{ echo changed >$input/file; } 2>/dev/null || true
rm -rf $input 2>/dev/null || true
mkdir -p $secret && echo changed >$secret/file
cp /build/seen \$out
END
cp "$top/setup" "$top/build/setup"
# A build within a build may mount no second /proc; the store needs none.
sed 's, --proc /proc,,' "$enter" >"$top/enter"
printf '%s\n' "$input" "" 0 >"$top/build/inputs-0"
out=$NIX_STORE/22222222222222222222222222222222-out
env NIX_BUILD_TOP="$top/build" out="$out" setup=/build/setup passAsFile='' outputHashMode='' "$builder" "$top/enter"
fail() {
  echo "store.sh: $*" >&2
  exit 1
}
[ "$(cat "$input/file")" = input ] || fail "a build changed its input"
[ "$(cat "$secret/file")" = secret ] || fail "a build changed a path that is no input of its own"
[ "$(cat "$out")" = "${input##*/}" ] || fail "got a store of $(tr '\n' ' ' <"$out"), want ${input##*/} alone"
[ "$(ls "$NIX_STORE" | wc -l)" = 3 ] || fail "a build left something in the store: $(ls "$NIX_STORE")"
