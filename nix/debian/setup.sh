# SPDX-License-Identifier: MPL-2.0
# shellcheck shell=bash
# The generic builder: nixpkgs' phases, hooks and fixup (pkgs/stdenv/generic/setup.sh, pkgs/build-support/setup-hooks). What a
# recipe can notice is as it is there; docs/verification.md says what was compared. Runs inside the derivation's file tree.
set -e -o pipefail
shopt -s inherit_errexit

export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-315532800}"
# With structured attributes only `env` is in the environment; the others are this shell's variables, lists its arrays.
if [ -n "${structuredAttributesPath:-}" ]; then
  export -n name
  unset nativeBuildInputs buildInputs
  # shellcheck disable=SC1090 # written while evaluating (nix/debian/default.nix)
  . "$structuredAttributesPath"
fi
# Nix gives a root without build users the modes of a tarball: group-writable files stay so.
umask 0022
[ "$NIX_BUILD_CORES" != 0 ] || NIX_BUILD_CORES=$(nproc)
# A variation has other cores than the first build (nix/tests/reproducible.nix).
[ -z "${variation:-}" ] || NIX_BUILD_CORES=$((NIX_BUILD_CORES + 1))
export NIX_BUILD_CORES
export GZIP_NO_TIMESTAMPS=1
prefix=${prefix:-$out}

# listOf ARRAY NAME...: the elements of these lists, in whichever form they come: words, or an array (structured attributes)
listOf() {
  # shellcheck disable=SC2178
  local -n _list=$1
  local _name _words
  _list=()
  shift
  for _name; do
    if [[ $(declare -p "$_name" 2>/dev/null) == "declare -a"* ]]; then
      local -n _elements=$_name
      _list+=("${_elements[@]}")
      unset -n _elements
    else
      read -r -d '' -a _words <<<"${!_name:-}" || true
      _list+=("${_words[@]}")
    fi
  done
}

# Inputs from the store come before the tree's own tools, in their order.
_search='' _inputs=()
listOf _inputs nativeBuildInputs buildInputs
for _input in "${_inputs[@]}"; do
  [ ! -d "$_input/bin" ] || _search="$_search$_input/bin:"
done
export PATH="$_search$PATH"

# What nixpkgs' wrappers of compiler and binutils export.
compilerNames() { # PREFIX SUFFIX
  export "CC$2=$1gcc" "CXX$2=$1g++"
  local name
  for name in ar as ld nm objcopy objdump readelf ranlib strip strings size; do
    export "${name^^}$2=$1$name"
  done
}
# shellcheck disable=SC2154 # the derivation's
if [ "${compilerPrefix+set}" = set ]; then compilerNames "$compilerPrefix" ""; fi
if [ -n "${nixCross:-}" ] && type -P gcc >/dev/null; then compilerNames "" _FOR_BUILD; fi
[ -n "${nixCross:-}" ] || [ -z "${CC:-}" ] || compilerNames "" _FOR_BUILD

# A program of Debian's that no input of the recipe gives.
command_not_found_handle() {
  echo "$1: command not found" >&2
  if [ -e "/usr/bin/$1" ] || [ -e "/usr/sbin/$1" ]; then
    echo "  $1 is here only because a package depends on it. With nixpkgs it is not there: name the package of $1" \
      "in the recipe, and the program in nix/debian/tools.nix" >&2
  fi
  return 127
}

runHook() { # NAME: the shell function or variable of that name, then what the array NAMEs adds
  local hook hooksSlice="${1%Hook}Hooks[@]"
  if declare -F "$1" >/dev/null; then
    "$1"
  elif [ -n "${!1:-}" ]; then
    eval "${!1}"
  fi
  for hook in "${!hooksSlice}"; do eval "$hook"; done
}

runPhase() { # NAME: the recipe's text for the phase, else ours; unless it is switched off
  case "$1" in
  unpackPhase) [ -z "${dontUnpack:-}" ] || return 0 ;;
  patchPhase) [ -z "${dontPatch:-}" ] || return 0 ;;
  configurePhase) [ -z "${dontConfigure:-}" ] || return 0 ;;
  buildPhase) [ -z "${dontBuild:-}" ] || return 0 ;;
  checkPhase) [ -n "${doCheck:-}" ] || return 0 ;;
  installPhase) [ -z "${dontInstall:-}" ] || return 0 ;;
  fixupPhase) [ -z "${dontFixup:-}" ] || return 0 ;;
  installCheckPhase) [ -n "${doInstallCheck:-}" ] || return 0 ;;
  esac
  echo "Running phase: $1"
  if [ -n "${!1:-}" ]; then eval "${!1}"; else "$1"; fi
  if [ "$1" = unpackPhase ]; then
    [ -z "${sourceRoot:-}" ] || chmod +x -- "$sourceRoot"
    cd -- "${sourceRoot:-.}"
  fi
}

stripHash() { # STOREPATH: its name without directory and hash
  local name="${1##*/}"
  if [[ $name =~ ^[a-z0-9]{32}- ]]; then echo "${name:33}"; else echo "$name"; fi
}

substituteInPlace() { # FILE... --replace-fail OLD NEW ...
  local files=() file text
  while [ $# -gt 0 ] && [[ $1 != --* ]]; do
    files+=("$1")
    shift
  done
  for file in "${files[@]}"; do
    IFS= read -r -d '' text <"$file" || true
    set -- "$@"
    local given=("$@")
    while [ ${#given[@]} -gt 0 ]; do
      case "${given[0]}" in
      --replace-fail | --replace-warn | --replace-quiet)
        [ "${given[0]}" != --replace-fail ] || [[ $text == *"${given[1]}"* ]] || {
          echo "substituteInPlace: $file does not hold '${given[1]}'" >&2
          return 1
        }
        text="${text//"${given[1]}"/"${given[2]}"}"
        given=("${given[@]:3}")
        ;;
      *)
        echo "substituteInPlace: unknown option '${given[0]}'; known are --replace-fail, --replace-warn, --replace-quiet OLD NEW" >&2
        return 1
        ;;
      esac
    done
    printf '%s' "$text" >"$file"
  done
}

patchShebangs() { # [--build | --host | --update] PATH...: the interpreters of executable scripts, by what PATH has
  local file line interpreter argument rest found
  while [[ ${1:-} == --* ]]; do shift; done
  while IFS= read -r -d '' file; do
    [ "$(head -c 2 "$file" | tr -d '\0')" = '#!' ] || continue
    IFS= read -r line <"$file" || true
    read -r interpreter argument rest <<<"${line:2}"
    [[ $interpreter != "$NIX_STORE"* ]] || continue
    if [[ $interpreter == */env ]]; then
      found=$(type -P "$argument" || true)
    else
      found=$(type -P "${interpreter##*/}" || true)
      rest="$argument${rest:+ $rest}"
    fi
    [ -n "$found" ] && [ "$found${rest:+ $rest}" != "${line:2}" ] || continue
    line=$(stat --format %y "$file")
    interpreter=$(stat --format %a "$file")
    chmod u+w "$file"
    { echo "#!$found${rest:+ $rest}" && tail -n +2 "$file"; } >"$TMPDIR/.shebang"
    cat "$TMPDIR/.shebang" >"$file"
    rm "$TMPDIR/.shebang"
    chmod "$interpreter" "$file"
    touch --date "$line" "$file"
  done < <(find "$@" -type f -perm -0100 -print0)
}

unpackFile() { # FILE
  case "$1" in
  *.tar.xz | *.txz) xz -dc <"$1" | tar -xpf - --warning=no-timestamp ;;
  *.tar | *.tar.* | *.tgz | *.tbz2) tar -xpf "$1" --warning=no-timestamp ;;
  *)
    if [ -d "$1" ]; then
      cp -r --preserve=timestamps -- "$1" "$(stripHash "$1")"
    else
      echo "do not know how to unpack source archive $1" >&2
      return 1
    fi
    ;;
  esac
}

unpackPhase() {
  runHook preUnpack
  local source before=" " directory srcsArray
  [ -n "${srcs:-}" ] || [ -n "${src:-}" ] || {
    echo 'variable $src or $srcs should point to the source' >&2
    return 1
  }
  for directory in *; do [ ! -d "$directory" ] || before="$before$directory "; done
  listOf srcsArray srcs
  [ ${#srcsArray[@]} -gt 0 ] || srcsArray=("$src")
  for source in "${srcsArray[@]}"; do unpackFile "$source"; done
  if [ -z "${sourceRoot:-}" ]; then
    for directory in *; do
      [ -d "$directory" ] && [[ $before != *" $directory "* ]] || continue
      [ -z "${sourceRoot:-}" ] || {
        echo "unpacker produced multiple directories" >&2
        return 1
      }
      sourceRoot=$directory
    done
  fi
  [ -n "${sourceRoot:-}" ] || {
    echo "unpacker appears to have produced no directories" >&2
    return 1
  }
  [ "${dontMakeSourcesWritable:-0}" = 1 ] || chmod -R u+w -- "$sourceRoot"
  runHook postUnpack
}

# The newest file of the source gives the build its date.
updateSourceDateEpoch() { # DIRECTORY
  local newest
  newest=$(find "$1" -type f -not -newer / -printf '%T@\n' | sort -n | tail -n 1)
  newest=${newest%%.*}
  if [ "${newest:-0}" -gt "$SOURCE_DATE_EPOCH" ]; then
    echo "setting SOURCE_DATE_EPOCH to $newest, the newest file of the source"
    export SOURCE_DATE_EPOCH="$newest"
  fi
}
# shellcheck disable=SC2016,SC2034 # runHook's
postUnpackHooks=('[ -z "${sourceRoot:-}" ] || updateSourceDateEpoch "$sourceRoot"')

patchPhase() {
  runHook prePatch
  local patch uncompress patchesArray flagsArray
  listOf patchesArray patches
  listOf flagsArray patchFlags
  [ ${#flagsArray[@]} -gt 0 ] || flagsArray=(-p1)
  for patch in "${patchesArray[@]}"; do
    echo "applying patch $patch"
    case "$patch" in
    *.gz) uncompress="gzip -dc" ;;
    *.bz2) uncompress="bzip2 -dc" ;;
    *.xz) uncompress="xz -dc" ;;
    *) uncompress=cat ;;
    esac
    $uncompress <"$patch" | patch "${flagsArray[@]}"
  done
  runHook postPatch
}

configurePhase() {
  runHook preConfigure
  local flagsArray
  listOf flagsArray configureFlags
  : "${configureScript=}"
  if [ -z "$configureScript" ] && [ -x ./configure ]; then configureScript=./configure; fi
  if [ -n "$configureScript" ]; then
    [ -n "${dontPatchShebangsInConfigure:-}" ] || [ ! -f "$configureScript" ] || patchShebangs "$configureScript"
    [ -n "${dontAddPrefix:-}" ] || flagsArray=("${prefixKey:---prefix=}$prefix" "${flagsArray[@]}")
    [ -n "${dontAddDisableDepTrack:-}" ] || ! grep -q dependency-tracking "$configureScript" ||
      flagsArray=(--disable-dependency-tracking "${flagsArray[@]}")
    [ -n "${dontDisableStatic:-}" ] || ! grep -q enable-static "$configureScript" ||
      flagsArray=(--disable-static "${flagsArray[@]}")
    $configureScript "${flagsArray[@]}"
  fi
  runHook postConfigure
}

# makeOf PARALLEL NAME...: make with the recipe's flags and these lists of arguments, when there is something to make
makeOf() {
  local _parallel=${1:+-j$NIX_BUILD_CORES} flagsArray
  shift
  listOf flagsArray makeFlags makeFlagsArray "$@"
  make ${makefile:+-f "$makefile"} ${_parallel:+"$_parallel"} SHELL="$SHELL" "${flagsArray[@]}"
}
makeable() { [ -n "${makeFlags:-}" ] || [ -n "${makefile:-}" ] || [ -e Makefile ] || [ -e makefile ] || [ -e GNUmakefile ]; }

buildPhase() {
  runHook preBuild
  if makeable; then
    foundMakefile=1
    makeOf "${enableParallelBuilding:-}" buildFlags buildFlagsArray
  else
    echo "no Makefile or custom buildPhase, doing nothing"
  fi
  runHook postBuild
}

checkPhase() {
  runHook preCheck
  if [ -z "${foundMakefile:-}" ]; then
    echo "no Makefile or custom checkPhase, doing nothing"
  else
    local target
    for target in check test; do
      [ -z "${checkTarget:-}" ] || break
      # shellcheck disable=SC2086
      ! make -n ${makefile:+-f $makefile} $target >/dev/null 2>&1 || checkTarget=$target
    done
    if [ -n "${checkTarget:-}" ]; then
      [ -n "${checkFlags:-}" ] || checkFlags=VERBOSE=y
      makeOf "${enableParallelChecking-${enableParallelBuilding:-}}" checkFlags checkTarget
    else
      echo "no check/test target, doing nothing"
    fi
  fi
  runHook postCheck
}

installPhase() {
  runHook preInstall
  if makeable; then
    mkdir -p "$prefix"
    [ -n "${installTargets:-}" ] || installTargets=install
    makeOf "${enableParallelInstalling-${enableParallelBuilding:-}}" installFlags installTargets
  else
    echo "no Makefile or custom installPhase, doing nothing"
  fi
  runHook postInstall
}

stripOutput() {
  local directory directories=()
  [ -z "${dontStrip:-}" ] && [ -n "${STRIP:-}" ] || return 0
  for directory in lib lib32 lib64 libexec bin sbin; do
    [ ! -d "$out/$directory" ] || directories+=("$out/$directory")
  done
  [ ${#directories[@]} -gt 0 ] || return 0
  # What is no object file stays as it is, and is no error.
  find "${directories[@]}" -type f -print0 | xargs -r -0 -n 1 -P "$NIX_BUILD_CORES" "$STRIP" -S -p 2>/dev/null || [ $? = 123 ]
}

brokenLinks() {
  local link target broken=
  [ -z "${dontCheckForBrokenSymlinks:-}" ] || return 0
  while IFS= read -r -d '' link; do
    target=$(readlink "$link")
    [[ $target == /* && $target != "$NIX_STORE"/* ]] || {
      echo "noBrokenSymlinks: $link leads to $target, which is not there" >&2
      broken=1
    }
  done < <(find "$out" -xtype l -print0)
  [ -z "$broken" ]
}

fixupPhase() {
  [ ! -e "$out" ] || chmod -R u+w,u-s,g-s "$out"
  runHook preFixup
  if [ -d "$out" ]; then
    local name
    for name in sbin:bin lib64:lib; do
      if [ -d "$out/${name%:*}" ] && [ ! -L "$out/${name%:*}" ]; then
        mkdir -p "$out/${name#*:}"
        mv "$out/${name%:*}"/* "$out/${name#*:}/"
        rmdir "$out/${name%:*}"
        ln -s "${name#*:}" "$out/${name%:*}"
      fi
    done
    stripOutput
    [ -n "${dontPatchShebangs:-}" ] || [ -n "${nixCross:-}" ] || patchShebangs "$out"
    brokenLinks
  fi
  runHook postFixup
}

installCheckPhase() {
  runHook preInstallCheck
  # shellcheck disable=SC2086
  if [ -n "${foundMakefile:-}" ] && make -n ${makefile:+-f $makefile} "${installCheckTarget:-installcheck}" >/dev/null 2>&1; then
    : "${installCheckTarget:=installcheck}"
    makeOf "${enableParallelChecking-${enableParallelBuilding:-}}" installCheckTarget
  else
    echo "no installcheck target, doing nothing"
  fi
  runHook postInstallCheck
}

genericBuild() {
  if [ -n "${buildCommand:-}" ]; then
    eval "$buildCommand"
    return
  fi
  # nixpkgs' names for them
  local curPhase phasesArray
  [ -n "${phases:-}" ] || phases="unpackPhase patchPhase configurePhase buildPhase checkPhase installPhase fixupPhase installCheckPhase"
  listOf phasesArray phases
  for curPhase in "${phasesArray[@]}"; do
    runPhase "$curPhase"
  done
}

genericBuild

# Nix itself says so to root without a sandbox.
case "$(stat --format %A "$out")" in
l*) ;;
?????w???? | ????????w?)
  echo "suspicious ownership or permission on '$out': it is writable for more than its owner" >&2
  exit 1
  ;;
esac
