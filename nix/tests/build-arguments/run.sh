#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# run.sh SOURCE: runs SOURCE/nix/debian/build as it is, with files under names that Nix or a shell would read as something
# else. The programs that it asks about the machine say that it can build, and nix-build evaluates only. Files with the same
# bytes make the same derivations whatever they are called. Exit code 1 when a name makes a difference.
set -euo pipefail
source=$(realpath "$1")
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
export NIX_STORE_DIR=$work/store NIX_STATE_DIR=$work/state NIX_LOG_DIR=$work/log NIX_CONF_DIR=$work/conf
export HOME=$work NIX_CONFIG="build-users-group =
sandbox = false"

mkdir "$work/bin"
answer() { # PROGRAM: standard input is its text
  { echo "#!$BASH" && cat; } >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}
answer id <<<'echo 0'
answer unshare <<<'exit 0'
answer df <<<'printf "head\nnix 1 1 99999999\n"'
# Of nix-build's options nix-instantiate has all but one.
answer nix-build <<END
[ "\$1" != --version ] || exec nix-instantiate --version
options=()
while [ \$# -gt 0 ]; do
  case \$1 in
  --no-out-link) ;;
  --out-link) shift ;;
  *) options+=("\$1") ;;
  esac
  shift
done
nix-instantiate "\${options[@]}" >>"$work/derivations"
END

derivations() { # NAME: what a build with files in a directory of that name is made of
  mkdir -p "$work/given/$1"
  for file in blob key certificate; do echo "$file" >"$work/given/$1/$1 $file"; done
  : >"$work/derivations"
  env PATH="$work/bin:$PATH" PREFETCH=no \
    DDR_BLOB="$work/given/$1/$1 blob" DDR_BLOB_SHA256="$(sha256sum <"$work/given/$1/$1 blob" | cut -d' ' -f1)" \
    MODULE_KEY="$work/given/$1/$1 key" MODULE_CERTIFICATE="$work/given/$1/$1 certificate" \
    bash "$source/nix/debian/build" u-boot kernel >"$work/output" 2>&1 || {
    echo "run.sh: with files in '$1': $(cat "$work/output")" >&2
    return 1
  }
  cat "$work/derivations"
}

want=$(derivations plain)
[ "$(wc -l <<<"$want")" = 2 ] || {
  echo "run.sh: got derivations '$want', want two" >&2
  exit 1
}
# shellcheck disable=SC2016 # what Nix, not the shell, would evaluate
for name in 'a space' 'at@home' '(paren' 'quote"s' "it's" '${throw "evaluated"}' '"; x = throw "evaluated"; y = "' \
  '<nixpkgs>' 'back\slash' '#hash' '-A'; do
  got=$(derivations "$name")
  [ "$got" = "$want" ] || {
    echo "run.sh: with files in '$name': got $got, want $want" >&2
    exit 1
  }
done
