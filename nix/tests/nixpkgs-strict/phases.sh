#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# shellcheck disable=SC2015,SC2016 # A && B || fail; the builder's shell expands what the cases say
# phases.sh SETUP: the generic builder does to source, environment and output what nixpkgs' does. Each case runs SETUP as
# the builder of a derivation with these attributes would.
set -euo pipefail
setup=$1
top=$PWD
fail() {
  echo "phases.sh: $*" >&2
  exit 1
}

mkdir source
echo 'int main(void) { return 0; }' >source/main.c
printf '#!/usr/bin/env bash\necho script\n' >source/script
chmod 775 source source/script
touch -d 2020-02-03T04:05:06Z source/*
tar -czf source.tar.gz source
rm -r source

# build NAME ATTRIBUTE=VALUE...: runs the builder; its output is NAME/out, what it said NAME/log
build() {
  local name=$1
  shift
  mkdir "$top/$name"
  (
    cd "$top/$name"
    unset buildCommand passAsFile script
    env src="$top/source.tar.gz" "$@" out="$PWD/out" nativeBuildInputs='' buildInputs='' bash -e "$setup"
  ) >"$top/$name/log" 2>&1
}
good() { build "$@" || fail "$1: $(cat "$top/$1/log")"; }

good date buildPhase='mkdir $out; echo $SOURCE_DATE_EPOCH >$out/date' dontInstall=1
got=$(cat date/out/date)
[ "$got" = 1580702706 ] || fail "got SOURCE_DATE_EPOCH=$got, want 1580702706, the date of the newest file"

good hooks preBuild='echo pre' postUnpack='test ! -e main.c' buildPhase='runHook preBuild; test -e main.c' \
  installPhase='mkdir $out'
grep -q '^pre$' hooks/log || fail "preBuild did not run"

for off in Unpack Patch Configure Build Install Fixup; do
  good "dont-$off" "dont$off=1" installPhase='mkdir -p $out; echo ran >$out/install' \
    buildCommand= buildPhase='mkdir -p $out; echo ran >$out/build' prePatch='echo ran >patch' \
    preConfigure='echo ran' postFixup='echo fixup >$out/fixup'
done
[ ! -e dont-Build/out/build ] && [ ! -e dont-Install/out/install ] && [ ! -e dont-Fixup/out/fixup ] && [ -e dont-Build/out/fixup ] ||
  fail "a phase ran that dontX switched off, or another did not"

program='mkdir -p $out/bin $out/sbin; ${CC:-gcc} -g main.c -o $out/bin/main; cp script $out/sbin/script'
good stripped STRIP=strip installPhase="$program"
good whole STRIP=strip dontStrip=1 installPhase="$program"
good unfixed STRIP=strip dontFixup=1 installPhase="$program"
debug() { readelf --sections --wide "$1/out/bin/main" | grep -c '\.debug_info' || true; }
[ "$(debug stripped)" = 0 ] || fail "the output is not stripped"
[ "$(debug whole)" = 1 ] && [ "$(debug unfixed)" = 1 ] || fail "dontStrip or dontFixup strips"
[ -L stripped/out/sbin ] && [ -x stripped/out/bin/script ] || fail "sbin did not move to bin"
[ "$(stripped/out/bin/script)" = script ] || fail "fixup did not patch a script's interpreter"

good shebangs buildPhase='if ./script; then echo "runs as it is" >&2; false; fi; patchShebangs script; ./script' installPhase='mkdir $out'

# What nixpkgs, or Nix, would not take.
refuse() { # NAME TEXT ATTRIBUTE=VALUE...
  local name=$1 text=$2
  shift 2
  ! build "$name" "$@" || fail "$name: built"
  grep -qF "$text" "$top/$name/log" || fail "$name: does not say '$text': $(cat "$top/$name/log")"
}
refuse group-writable 'suspicious ownership or permission' buildCommand='mkdir $out; chmod g+w $out'
refuse copied 'suspicious ownership or permission' dontFixup=1 installPhase='cp -a . $out'
refuse broken-link 'noBrokenSymlinks' installPhase='mkdir $out; ln -s nowhere $out/link'
refuse no-source 'unpack' unpackPhase= src=
refuse pattern 'does not hold' installPhase='mkdir $out; substituteInPlace main.c --replace-fail absent x'
refuse unknown-archive 'do not know how to unpack' srcs="$0"
