#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# evaluate.sh SOURCE: evaluates every output of the flake in SOURCE on both systems, with the embedded package set as its
# nixpkgs input and then with one that has only the names of nix/debian/interface.nix. Needs Nix (2.8 or later), jq, and
# neither network nor builds: the store is a temporary one.
# Prints one line an output: name, seconds, megabytes that Nix asked for. Exit code 1 when anything does not evaluate.
set -euo pipefail
source=$(realpath "$1")
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

export NIX_STORE_DIR=$work/store NIX_STATE_DIR=$work/state NIX_LOG_DIR=$work/log NIX_CONF_DIR=$work/conf
export HOME=$work/home XDG_CACHE_HOME=$work/cache
# What would build, or fetch, while it evaluates is an error; evaluation is restricted as Hydra's is.
export NIX_CONFIG="experimental-features = nix-command flakes
build-users-group =
substituters =
flake-registry =
sandbox = false
max-jobs = 0
allow-import-from-derivation = false"

fail() {
  echo "evaluate.sh: $*" >&2
  exit 1
}

# The lock: read by Nix' own parser, in the form Nix writes, and complete (Nix would change nothing).
mkdir -p "$work/flake"
cp -r "$source/." "$work/flake"
chmod -R u+w "$work/flake"
jq --sort-keys --indent 2 . "$source/flake.lock" | cmp - "$source/flake.lock" ||
  fail "flake.lock is not in the form Nix writes: take what nix flake lock makes"
nix flake metadata --no-update-lock-file --json "path:$work/flake" >"$work/metadata.json" ||
  fail "flake.lock does not fit flake.nix"
jq --exit-status --slurpfile lock "$source/flake.lock" '.locks == $lock[0]' "$work/metadata.json" >/dev/null ||
  fail "Nix reads another lock than flake.lock says"

# Since 2.14 Nix looks at the other system only when told.
systems=()
version=$(nix --version | sed 's/.* //')
[ "$(printf '%s\n2.14\n' "$version" | sort -V | head -1)" != 2.14 ] || systems=(--all-systems)

for known in false true; do
  input=$work/nixpkgs-$known
  mkdir "$input"
  cp -r "$source/nix" "$input/nix"
  echo "{ outputs = _: import ./nix/tests/flake/nixpkgs.nix { onlyKnown = $known; }; }" >"$input/flake.nix"
  options=(--no-write-lock-file --override-input nixpkgs "path:$input")

  for command in show "check --no-build"; do
    # shellcheck disable=SC2086 # a command and its option
    nix flake $command "${systems[@]}" "${options[@]}" "path:$work/flake" >"$work/output" 2>"$work/errors" ||
      fail "nix flake $command (onlyKnown = $known): $(cat "$work/errors")"
  done
done

for kind in packages checks devShells; do
  names=$(nix eval "${options[@]}" --raw "path:$work/flake#$kind.x86_64-linux" \
    --apply 'set: builtins.concatStringsSep " " (builtins.attrNames set)' 2>"$work/errors") ||
    fail "$kind: $(cat "$work/errors")"
  for name in $names; do
    started=$(date +%s%N)
    NIX_SHOW_STATS=1 NIX_SHOW_STATS_PATH=$work/stats nix eval --option eval-cache false "${options[@]}" --raw \
      "path:$work/flake#$kind.x86_64-linux.$name.drvPath" >/dev/null 2>"$work/errors" ||
      fail "$kind.$name: $(cat "$work/errors")"
    awk -v name="$kind.$name" -v ns=$(($(date +%s%N) - started)) -v bytes="$(jq .gc.totalBytes "$work/stats")" \
      'BEGIN { printf "%-40s %5.2f s %6.0f MB\n", name, ns / 1e9, bytes / 1e6 }'
  done
done
