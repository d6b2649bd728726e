# SPDX-License-Identifier: MPL-2.0
# shellcheck shell=bash
# The generic builder: nixpkgs' phases and hooks, as far as the recipes use them (nixpkgs manual, "The standard
# environment"). Runs inside the derivation's root file tree.
set -eu -o pipefail
shopt -s nullglob

export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-315532800}"
umask 0022
[ "$NIX_BUILD_CORES" != 0 ] || NIX_BUILD_CORES=$(nproc)
# A variation has other cores than the first build (nix/tests/reproducible.nix).
[ -z "${variation:-}" ] || NIX_BUILD_CORES=$((NIX_BUILD_CORES + 1))
export NIX_BUILD_CORES

# Inputs from the store come before the tree's own tools, in their order.
search=
for input in ${nativeBuildInputs:-}; do
  [ ! -d "$input/bin" ] || search="$search$input/bin:"
done
export PATH="$search$PATH"

runHook() { # NAME: a shell function or variable of that name, if there is one
  if declare -F "$1" >/dev/null; then
    "$1"
  elif [ -n "${!1:-}" ]; then
    eval "${!1}"
  fi
}

runPhase() { # NAME: the recipe's text for the phase, else ours
  echo "Running phase: $1"
  if [ -n "${!1:-}" ]; then eval "${!1}"; else "$1"; fi
}

stripHash() { # STOREPATH: its name without directory and hash
  local name="${1##*/}"
  case "$name" in
  [0-9a-z][0-9a-z][0-9a-z][0-9a-z]*-*) [ "${#name}" -gt 33 ] && [ "${name:32:1}" = - ] && name="${name:33}" ;;
  esac
  echo "$name"
}

substituteInPlace() { # FILE --replace-fail OLD NEW ...
  local file="$1" text
  shift
  text=$(<"$file")
  while [ $# -gt 0 ]; do
    case "$1" in
    --replace-fail)
      [[ $text == *"$2"* ]] || {
        echo "substituteInPlace: $file does not hold '$2'" >&2
        return 1
      }
      text="${text//"$2"/"$3"}"
      shift 3
      ;;
    *)
      echo "substituteInPlace: unknown option '$1'; known is --replace-fail OLD NEW" >&2
      return 1
      ;;
    esac
  done
  printf '%s\n' "$text" >"$file"
}

patchShebangs() { :; } # /usr/bin is where scripts expect it

unpackPhase() {
  runHook preUnpack
  local source before
  for source in ${srcs:-$src}; do
    before=$(echo */)
    if [ -d "$source" ]; then
      cp -r --preserve=mode,timestamps "$source" "$(stripHash "$source")"
    else
      tar -xf "$source"
    fi
    if [ -z "${sourceRoot:-}" ]; then
      local directory
      for directory in */; do
        [[ " $before " == *" $directory "* ]] || sourceRoot="${directory%/}"
      done
    fi
  done
  chmod -R u+w -- "$sourceRoot"
  cd "$sourceRoot"
  runHook postUnpack
}

patchPhase() {
  runHook prePatch
  local patch
  for patch in ${patches:-}; do
    echo "applying patch $patch"
    patch -p1 <"$patch"
  done
  runHook postPatch
}

configurePhase() {
  runHook preConfigure
  runHook postConfigure
}

buildPhase() {
  runHook preBuild
  if [ -e Makefile ] || [ -e makefile ]; then
    # shellcheck disable=SC2086 # lists arrive as words
    make ${enableParallelBuilding:+-j"$NIX_BUILD_CORES"} SHELL=/bin/bash ${makeFlags:-} ${buildFlags:-}
  fi
  runHook postBuild
}

checkPhase() {
  runHook preCheck
  # shellcheck disable=SC2086
  make ${enableParallelBuilding:+-j"$NIX_BUILD_CORES"} SHELL=/bin/bash ${makeFlags:-} ${checkTarget:-check}
  runHook postCheck
}

installPhase() {
  runHook preInstall
  # shellcheck disable=SC2086
  make SHELL=/bin/bash ${makeFlags:-} ${installTargets:-install}
  runHook postInstall
}

genericBuild() {
  if [ -n "${buildCommand:-}" ]; then
    eval "$buildCommand"
    return
  fi
  local phase
  for phase in ${phases:-unpackPhase patchPhase configurePhase buildPhase checkPhase installPhase}; do
    [ "$phase" != checkPhase ] || [ -n "${doCheck:-}" ] || continue
    [ "$phase" != unpackPhase ] || [ -z "${dontUnpack:-}" ] || continue
    [ "$phase" != configurePhase ] || [ -z "${dontConfigure:-}" ] || continue
    [ "$phase" != buildPhase ] || [ -z "${dontBuild:-}" ] || continue
    [ "$phase" != installPhase ] || [ -z "${dontInstall:-}" ] || continue
    runPhase "$phase"
  done
}

genericBuild
