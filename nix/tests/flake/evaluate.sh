#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# evaluate.sh SOURCE [PART...]: evaluates every output of the flake in SOURCE on both systems, with the embedded package set as its
# nixpkgs input and then with one that has only the names of nix/debian/interface.nix. Needs Nix (2.8 or later), jq, and
# neither network nor builds: the store is a temporary one.
# Parts, all of them unless named: lock outputs refusals cache newer restricted versions image_options uboot installers template times.
# Prints one line an output: name, seconds, megabytes that Nix asked for. Exit code 1 when anything does not evaluate.
set -euo pipefail
source=$(realpath "$1")
parts=("${@:2}")
[ $# -gt 1 ] || parts=(lock outputs refusals cache newer restricted versions image_options uboot installers template times)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

export NIX_STORE_DIR=$work/store NIX_STATE_DIR=$work/state NIX_LOG_DIR=$work/log NIX_CONF_DIR=$work/conf
export HOME=$work/home XDG_CACHE_HOME=$work/cache
# What would build, or fetch, while it evaluates is an error.
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

mkdir -p "$work/flake"
cp -r "$source/." "$work/flake"
chmod -R u+w "$work/flake"
for known in false true; do
  input=$work/nixpkgs-$known
  mkdir "$input"
  cp -r "$source/nix" "$input/nix"
  echo "{ outputs = _: import ./nix/tests/flake/nixpkgs.nix { onlyKnown = $known; }; }" >"$input/flake.nix"
done
# The set that has nothing but the known names.
options=(--no-write-lock-file --override-input nixpkgs "path:$input")

eval_in() { nix eval "${options[@]}" --raw "path:$1" 2>"$work/errors" || fail "$1: $(cat "$work/errors")"; }
makes() { # FLAKE PACKAGE VERSION
  local got
  got=$(eval_in "$1#packages.x86_64-linux.$2.drvPath")
  [[ $got == *-talos-$3-nanopi-m6.drv ]] || fail "$2 makes $got; want Talos $3"
}
pinned() { # FLAKE VERSION...: a copy of the flake with these releases as its table
  cp -r "$work/flake" "$1"
  jq --null-input --arg hash "$(printf %064d 1)" '[$ARGS.positional[] | {
    (.): ["initramfs-arm64.xz", "vmlinuz-arm64", "talosctl-linux-amd64", "talosctl-linux-arm64"] | map({ (.): $hash }) | add
  }] | add // {}' --args "${@:2}" >"$1/nix/talos/releases.json"
}
fromSource=$(nix-instantiate --eval "$source/nix/talos/versions.nix" -A fromSource | tr -d '"')
pinned "$work/none"
pinned "$work/newer" v1.14.0
pinned "$work/pinned" v1.10.9 v1.10.10 v1.10.11-beta.0 v1.1.99 v1.14.0 v1.9.9 v1.99.0-alpha.1

# The lock: read by Nix' own parser, in the form Nix writes, and complete (Nix would change nothing).
lock() {
  jq --sort-keys --indent 2 . "$source/flake.lock" | cmp - "$source/flake.lock" ||
    fail "flake.lock is not in the form Nix writes: take what nix flake lock makes"
  nix flake metadata --no-update-lock-file --json "path:$work/flake" >"$work/metadata.json" ||
    fail "flake.lock does not fit flake.nix"
  jq --exit-status --slurpfile lock "$source/flake.lock" '.locks == $lock[0]' "$work/metadata.json" >/dev/null ||
    fail "Nix reads another lock than flake.lock says"
}

outputs() {
  # Since 2.14 Nix looks at the other system only when told.
  systems=()
  version=$(nix --version | sed 's/.* //')
  [ "$(printf '%s\n2.14\n' "$version" | sort -V | head -1)" != 2.14 ] || systems=(--all-systems)

  for known in false true; do
    local nixpkgs=(--no-write-lock-file --override-input nixpkgs "path:$work/nixpkgs-$known")
    for command in show "check --no-build"; do
      # shellcheck disable=SC2086 # a command and its option
      nix flake $command "${systems[@]}" "${nixpkgs[@]}" "path:$work/flake" >"$work/output" 2>"$work/errors" ||
        fail "nix flake $command (onlyKnown = $known): $(cat "$work/errors")"
    done
  done
}

# The embedded set's functions refuse what nixpkgs' are not known to take.
refusals() {
  for call in 'buildUBoot { konfig = 1; }' 'buildGoModule { vendorSha256 = 1; }' 'buildArmTrustedFirmware { plat = 1; }' \
    'stdenv.mkDerivation { name = "x"; outputs = [ "dev" ]; }' 'buildUBoot { postPatch = ""; }' 'buildUBoot { installPhase = ""; }' \
    'buildArmTrustedFirmware { postPatch = ""; }' 'stdenv.mkDerivation { name = "x"; hardeningDisable = [ "pie" ]; }'; do
    ! nix-instantiate --eval -E "((import $source/nix/debian { }).$call).drvPath" >/dev/null 2>"$work/errors" ||
      fail "the embedded set takes $call"
    grep -qF "nix/debian/interface.nix" "$work/errors" || fail "the embedded set's refusal of $call: $(cat "$work/errors")"
  done
}

# The flake changes no package of nixpkgs, its Go included: each is what the binary cache has. Recipes alone see a newer Go.
cache() {
  packages() { # FLAKE ATTRIBUTE: every package of the interface with its derivation
    nix eval --impure "${options[@]}" --json "path:$1#$2" --apply "set: builtins.mapAttrs (name: _: set.\${name}.drvPath or null)
      (import $source/nix/debian/interface.nix).packages" 2>"$work/errors" || fail "packages of $1: $(cat "$work/errors")"
  }
  packages "$work/flake" legacyPackages.x86_64-linux.pkgs >"$work/seen"
  nix eval --impure --json --expr "let set = (import $source/nix/tests/flake/nixpkgs.nix { onlyKnown = true; }).legacyPackages.x86_64-linux; in
    builtins.mapAttrs (name: _: set.\${name}.drvPath or null) (import $source/nix/debian/interface.nix).packages" >"$work/given" 2>"$work/errors" ||
    fail "packages of nixpkgs' stand-in: $(cat "$work/errors")"
  cmp "$work/given" "$work/seen" || fail "the flake gives nixpkgs' packages another derivation: $(diff <(jq . "$work/given") <(jq . "$work/seen"))"
  ! nix eval "${options[@]}" "path:$work/flake#overlays" >/dev/null 2>&1 ||
    fail "the flake has an overlay: what it replaces in nixpkgs loses the binary cache (nix/flake/recipes.nix)"
}

# Where nixpkgs has an older Go or xfsprogs than the recipes need, these get the pinned one.
newer() {
  for name in go xfsprogs; do
    want=$(nix eval --impure --raw --expr "(import $source/nix/pins.nix).$name.version")
    got=$(nix eval "${options[@]}" --raw "path:$work/flake#legacyPackages.x86_64-linux.pkgs.$name.version" 2>"$work/errors" || true)
    [ "$got" = "$want" ] || fail "recipes get $name '$got', want $want: $(cat "$work/errors")"
  done
}

# As Hydra evaluates: restricted.
restricted() {
  nix eval --option restrict-eval true --option allowed-uris "path:$work $work" "${options[@]}" --raw \
    "path:$work/flake#hydraJobs.release.drvPath" >/dev/null 2>"$work/errors" || fail "hydraJobs, restricted: $(cat "$work/errors")"
}

# Which Talos one gets: from source while no release of its line is pinned; then the newest of that line, by number and
# without pre-releases; the newest of all by name.
versions() {
  grep -qF "github.com/siderolabs/talos $fromSource" "$source/nix/talos/talos/go.mod" ||
    fail "nix/talos/versions.nix says $fromSource is built from source; nix/talos/talos/go.mod has another version"
  makes "$work/none" sdImage "$fromSource"
  makes "$work/newer" sdImage "$fromSource"
  makes "$work/newer" sdImage-official v1.14.0
  for package in default sdImage sdImage-lts; do makes "$work/pinned" $package v1.10.10; done
  makes "$work/pinned" sdImage-from-source "$fromSource"
  makes "$work/pinned" sdImage-official v1.14.0
  for release in newer:"$fromSource" pinned:v1.10.10; do
    got=$(nix eval "${options[@]}" --raw "path:$work/${release%:*}#lib" --apply 'lib: (lib.mkImage { }).drvPath' 2>"$work/errors") ||
      fail "mkImage { }: $(cat "$work/errors")"
    [[ $got == *-talos-${release#*:}-nanopi-m6.drv ]] || fail "mkImage { } makes $got; want Talos ${release#*:}"
  done
}

# mkImage takes what is right and refuses what is wrong, with what would be right.
image_options() {
  image() { # OPTIONS: the image's derivation
    nix eval "${options[@]}" --raw "path:$work/flake#lib" --apply "lib: (lib.mkImage { $1 }).drvPath" 2>"$work/errors"
  }
  refused() { # OPTIONS TEXT...
    local text given=$1
    shift
    ! image "$given" >/dev/null || fail "mkImage took $given"
    for text; do grep -qF -- "$text" "$work/errors" || fail "mkImage { $given } does not say '$text': $(cat "$work/errors")"; done
  }
  plain=$(image "") || fail "mkImage { }: $(cat "$work/errors")"
  whole='talosVersion = "v1.14.0"; kernel = "lts"; profile = "nanopi-m6-nvme"; extraKernelArgs = [ "a=b" "-c" ];
    overlayOptions = { console = false; }; systemExtensions = [ { tarballPath = "/nix/x.tar"; } ]; diskFormat = "xz";
    meta = [ { key = 10; value = "x"; } ]; diskSize = 2147483648; system = "aarch64-linux";'
  changed=$(image "$whole") || fail "mkImage: $(cat "$work/errors")"
  [ "$plain" != "$changed" ] || fail "mkImage ignores its options"
  image 'talosVersion = null;' >/dev/null || fail "mkImage from source: $(cat "$work/errors")"
  refused 'talosversion = "v1.14.0";' "talosversion: no such option" talosVersion extraKernelArgs
  refused 'talosVersion = "v1.9.0";' "v1.14.0" "nix run .#pin"
  refused 'kernel = "6.12"; diskFormat = "qcow2";' "kernel: want one of lts, collabora, collabora-6_9, stock" "diskFormat: want one of zst, xz"
  refused 'overlayOptions = { konsole = true; };' "overlayOptions: want a set of" bootDevice
  refused 'extraKernelArgs = "a=b";' "extraKernelArgs: want a list"
  refused 'systemExtensions = [ { imageRef = "x"; } ];' tarballPath
  refused 'diskSize = 1000;' 1306525696
  refused 'meta = [ { key = 300; value = "x"; } ];' "meta: want"
  refused 'ddrBlob = { blob = ./x; };' blobSha256
  refused 'ddrBlob = "v1.0";' "ddrBlob: want one of v1.19, v1.21"
  newer=$(image 'ddrBlob = "v1.21";') || fail "mkImage with DDR blob v1.21: $(cat "$work/errors")"
  [ "$plain" != "$newer" ] || fail "mkImage ignores the DDR blob's version"
  refused 'uBoot = "v2024.01";' "uBoot: want one of v2025.01, v20"
  newer=$(image 'uBoot = "v2026.07";') || fail "mkImage with U-Boot v2026.07: $(cat "$work/errors")"
  [ "$plain" != "$newer" ] || fail "mkImage ignores U-Boot's release"
  refused 'talosVersion = null; machineConfig = "/nix/x";' "v1.12 or later"
  # The stock kernel is the release's, with the release's initramfs as it is, and no kernel is built for it; a release that
  # has none pinned, and Talos from source, are refused.
  refused 'kernel = "stock"; talosVersion = null;' "kernel: Talos from source ($fromSource) has no stock kernel"
  refused 'kernel = "stock"; talosVersion = "v1.14.0"; moduleSigning = { moduleKey = ./k; moduleCertificate = ./c; };' \
    "kernel: the stock kernel of v1.14.0 is not pinned; in a clone, nix run .#pin -- v1.14.0" "moduleSigning: Talos signs"
  stock=$(nix eval "${options[@]}" --raw "path:$work/pinned#lib" --apply 'lib: (lib.mkImage { kernel = "stock"; }).drvPath' 2>"$work/errors") ||
    fail "mkImage { kernel = \"stock\"; }: $(cat "$work/errors")"
  nix-store --query --requisites "$stock" >"$work/stock"
  for asset in vmlinuz-arm64 initramfs-arm64.xz; do
    grep -q -- "-talos-v1.10.10-$asset.drv" "$work/stock" || fail "mkImage { kernel = \"stock\"; } does not take the release's $asset"
  done
  ! grep -E -- '-(linux-(lts|collabora)[^/]*-signed|initramfs-talos-[^/]*)\.drv' "$work/stock" || fail "mkImage { kernel = \"stock\"; } builds the above"
  # The installer's own options are those that overlayOptions takes.
  grep -o '^	"[A-Za-z]*": {' "$source/installer/options.go" | tr -d '	": {' | sort >"$work/installer"
  sed -n '/^  overlayOptions = \[/,/\]/p' "$source/nix/lib/image-options.nix" | grep -o '"[A-Za-z]*"' | tr -d '"' | sort >"$work/options"
  diff "$work/installer" "$work/options" || fail "nix/lib/image-options.nix and installer/options.go have other overlay options (above)"
}

# Each release of U-Boot gets our patches but those it has, in the form that it needs, and its own tarball.
uboot() {
  local tag patch since form want got
  for tag in $(nix-instantiate --eval --json -E "builtins.attrNames (import $source/nix/pins.nix).u-boot" | jq -r '.[]'); do
    want=()
    for patch in "$source"/patches/u-boot/*.patch; do
      since=$(sed -n 's/^Upstream-Status: Backport \[v\([0-9.]*\).*/\1/p' "$patch")
      [ -z "$since" ] || [ "$(printf '%s\n' "$since" "${tag#v}" | sort -V | head -1)" != "$since" ] || continue
      form=$source/patches/u-boot/${tag#v}/$(basename "$patch")
      [ ! -e "$form" ] || patch=$form
      want+=("$(sha256sum <"$patch")")
    done
    got=$(nix-instantiate --eval --strict --json -E "map toString (import $source { uBoot = \"$tag\"; }).u-boot.code.patches" 2>"$work/errors" |
      jq -r '.[]' | while read -r patch; do sha256sum <"$patch"; done) || fail "U-Boot $tag: $(cat "$work/errors")"
    [ "$got" = "$(printf '%s\n' "${want[@]}")" ] || fail "U-Boot $tag: got other patches than patches/u-boot has for it: $got"
    grep -q "u-boot[-_]${tag#v}\." <<<"$(nix-instantiate --eval --json -E "(import $source { uBoot = \"$tag\"; }).u-boot.source.src.name" 2>"$work/errors")" ||
      fail "U-Boot $tag is made of another tarball: $(cat "$work/errors")"
  done
}

# Talos from source has an installer image from source. A release whose installer base is pinned has one made of it;
# without, the package says what to do, and is not a job of Hydra's.
installers() {
  installer=packages.x86_64-linux.installerImage.drvPath
  case $(eval_in "$work/none#$installer") in *-unpinned.drv) fail "Talos from source has no installer image" ;; esac
  grep -qF -- '--installer-base' "$(eval_in "$work/pinned#$installer")" || fail "an unpinned installerImage does not say how to pin"
  ! grep -qF installerImage <(eval_in "$work/pinned#hydraJobs.release.drvPath" | xargs cat) || fail "Hydra builds an unpinned installerImage"
  pinned "$work/based" v1.10.9
  jq '.[].installerBase = { imageDigest: "sha256:0", sha256: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" }' \
    "$work/pinned/nix/talos/releases.json" >"$work/based/nix/talos/releases.json"
  case $(eval_in "$work/based#$installer") in *-unpinned.drv) fail "a pinned installer base is not used" ;; esac
  grep -qF packages.aarch64-linux.installerImage <(eval_in "$work/based#hydraJobs.release.drvPath" | xargs cat) ||
    fail "Hydra does not build a pinned installerImage"
}

# The template's own flake evaluates with this one as its input.
template() {
  mkdir "$work/node"
  cp "$source"/templates/node/* "$work/node"
  nix eval --no-write-lock-file --override-input nanopi-m6 "path:$work/flake" --override-input nanopi-m6/nixpkgs "path:$input" \
    --raw "path:$work/node#packages.x86_64-linux.default.drvPath" >/dev/null 2>"$work/errors" || fail "templates/node: $(cat "$work/errors")"
}

times() {
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
}

for part in "${parts[@]}"; do "$part"; done
