#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# shellcheck disable=SC2015,SC2016,SC2154,SC2317,SC2329 # A && B || fail; sed's and Nix' own $; the check's attributes; functions called by name
# undone.sh: what nixpkgs' own builders said of the recipes once, ten findings (docs/verification.md has them): each fix is undone
# in a copy of the tree, and what notices the fault has to fail and to name it. On the tree as it is, it has to pass.
# Reads $src, $docs, $ci, $workflow (the tree), $setup (the embedded set's builder), $tfaSource and $ubootSource (tarballs). Needs
# Nix, jq, and Python as U-Boot's build has it.
#   undone.sh                      all of it
#   undone.sh notice FINDING TREE  is the fault in this tree?
# A finding has one function `notice_FINDING TREE`; and `undo_FINDING…`, each of which brings the fault back to the tree in the
# working directory and prints what is to be said of it.
set -euo pipefail
fail() {
  echo "$*" >&2
  exit 1
}

# values TREE EXPRESSION: JSON of the expression over default.nix, which is `tree`, in a store of its own.
values() {
  local store=$TMPDIR/nix
  NIX_STORE_DIR=$store/store NIX_STATE_DIR=$store/state NIX_LOG_DIR=$store/log NIX_CONF_DIR=$store/conf \
    nix-instantiate --eval --strict --json --expr "let tree = import $1 { }; in $2"
}

# build ATTRIBUTE=VALUE...: the embedded set's builder, as a derivation with these attributes would run it
build() {
  local work
  work=$(mktemp -d)
  (
    cd "$work"
    unset buildCommand passAsFile
    env "$@" out="$work/out" nativeBuildInputs='' buildInputs='' bash -e "$setup"
  ) && built=$work/out
}

# 1: nixpkgs' builder patches the HDCP blob of another chip out of TF-A and removes its file; Debian's source has no such file.
notice_hdcp() {
  local of
  of=$(values "$1" '{ patches = map toString tree.tfa.patches; inherit (tree.tfa) postPatch; }')
  build src="$tfaSource" patches="$(jq -r '.patches | join(" ")' <<<"$of")" postPatch="$(jq -r .postPatch <<<"$of")" \
    phases='unpackPhase patchPhase installPhase' installPhase='touch $out'
}
undo_hdcp() {
  sed -i '/^    patches = \[ \];$/d; s/postPatch = "export/postPatch = old.postPatch + "\\nexport/' nix/boot/tfa.nix
  echo 'hdcp.bin'
}

# 2: the kernel links zlib, which libelf's package brings along in Debian and not in nixpkgs.
notice_zlib() {
  [ "$(values "$1" 'builtins.filter (name: builtins.match "zlib1g-dev_.*" name != null) (map (file: file.name) tree.kernels.lts.rootTree.debs)')" != '[]' ] ||
    fail "the kernel is built without zlib's headers"
  [ "$(values "$1" 'let pkgs = import '"$1"'/nix/debian { }; in builtins.filter (name: builtins.match "zlib1g-dev_.*" name != null)
    (map (file: file.name) (pkgs.runCommand "x" { nativeBuildInputs = [ pkgs.elfutils ]; } "").rootTree.debs)')" = '[]' ] ||
    fail "zlib's headers are where no input gives them"
}
undo_zlib_input() {
  sed -i '/resolve_btfids links it/,+1d' nix/kernel/configuration.nix
  echo "without zlib's headers"
}
undo_zlib_dragged() {
  sed -i 's/(!(isDevelopment name) || lib.elem name packages) && //' nix/debian/default.nix
  echo 'where no input gives them'
}

# 3: an overlay that replaces Go makes every Go program of nixpkgs another derivation, which no binary cache has.
notice_cache() { bash "$1/nix/tests/flake/evaluate.sh" "$1" cache; }
undo_cache_overlay() {
  sed -i 's|^      packages = perSystem|      overlays.default = final: _: { go = final.go_1_26; };\n&|' flake.nix
  echo 'loses the binary cache'
}
undo_cache_package() {
  sed -i 's/^recipesOf pkgs$/recipesOf pkgs \/\/ { cosign = pkgs.runCommand "other" { } ""; }/' nix/flake/recipes.nix
  echo 'another derivation'
}

# 4: nixpkgs' lib asks for Nix 2.18 (lib/minfeatures.nix).
notice_version() { grep -q 'Nix 2.18 or newer' "$1/docs/nix.md" || fail "docs/nix.md does not say which Nix nixpkgs asks for (2.18)"; }
undo_version() {
  sed -i 's/Nix 2.18 or newer/Nix 2.8 or newer/' docs/nix.md
  echo 'which Nix nixpkgs asks for'
}

# 5: setuptools has no pkg_resources from version 82 on, and neither has the embedded set's; binman imported it.
notice_resources() {
  local name
  [ -d "$TMPDIR/u-boot" ] || {
    mkdir "$TMPDIR/u-boot"
    tar -xf "$ubootSource" -C "$TMPDIR/u-boot" --strip-components=1 --wildcards '*/tools'
  }
  rm -rf "$TMPDIR/patched"
  cp -r "$TMPDIR/u-boot" "$TMPDIR/patched"
  for name in $(values "$1" 'map baseNameOf tree.u-boot.code.patches' | jq -r '.[]'); do
    ! grep -q '^--- a/tools/binman' "$1/patches/u-boot/$name" || patch -d "$TMPDIR/patched" -p1 <"$1/patches/u-boot/$name"
  done
  (cd "$TMPDIR/patched/tools" && python3 -c 'import binman.control')
}
undo_resources() {
  rm patches/u-boot/*-binman-*pkg_resources.patch
  echo "No module named 'pkg_resources'"
}

# 6: one form of nixpkgs' buildUBoot sets postPatch and installPhase itself, and a recipe's vanish.
notice_phases() { values "$1" 'map (package: package.drvPath) [ tree.u-boot tree.u-boot-qemu ]'; }
undo_phases_patch() {
  sed -i -z 's/})\.overrideAttrs\n  { inherit (ours) patches postPatch postConfigure; }/  inherit (ours) postPatch; })/' nix/boot/u-boot-qemu.nix
  echo 'buildUBoot does not know postPatch'
}
undo_phases_install() {
  sed -i 's/^      filesToInstall = \[ \];/&\n      installPhase = "";/' nix/boot/u-boot.nix
  echo 'buildUBoot does not know installPhase'
}

# 7: a tarball's files are writable for their group, and copied they are so in the output.
notice_writable() {
  mkdir -p "$TMPDIR/writable/source"
  touch "$TMPDIR/writable/source/file"
  chmod -R g+w "$TMPDIR/writable/source"
  tar -cf "$TMPDIR/writable.tar" -C "$TMPDIR/writable" source
  build src="$TMPDIR/writable.tar" dontFixup=1 installPhase="$(values "$1" tree.u-boot.code.installPhase | jq -r .)"
}
undo_writable() {
  sed -i '/chmod -R go-w \$out/d' nix/boot/u-boot.nix
  echo 'suspicious ownership or permission'
}

# 8: xfsprogs before 7.0 makes another file system each time, and not every one has the options that GRUB reads.
notice_xfsprogs() {
  local text
  text=$(values "$1" tree.imagerTools.buildCommand | jq -r .)
  imagerTools() { # VERSION DIRECTORY: what imager-tools says with an xfsprogs of this version, which lies there
    mkdir -p "$2/bin"
    printf '#!/bin/sh\necho mkfs.xfs version %s\n' "$1" >"$2/bin/mkfs.xfs"
    chmod +x "$2/bin/mkfs.xfs"
    build buildCommand="$(sed "s,/usr/bin/mkfs.xfs -V,$2/bin/mkfs.xfs -V,; s,-e /usr/share/xfsprogs,-e $2/share/xfsprogs," <<<"$text")"
  }
  local good=$TMPDIR/xfsprogs-good
  mkdir -p "$good/share/xfsprogs/mkfs"
  touch "$good/share/xfsprogs/mkfs/lts_6.12.conf"
  imagerTools 7.0.1 "$good" || fail "imager-tools refuses xfsprogs 7.0.1"
  ! imagerTools 6.17.0 "$good" >"$TMPDIR/old.log" 2>&1 || fail "imager-tools takes xfsprogs 6.17.0"
  grep -q 'xfsprogs is 6.17.0' "$TMPDIR/old.log" || fail "imager-tools does not say what is wrong: $(cat "$TMPDIR/old.log")"
  ! imagerTools 7.0.1 "$TMPDIR/xfsprogs-bare" >"$TMPDIR/bare.log" 2>&1 || fail "imager-tools takes an xfsprogs without lts_6.12.conf"
  grep -q 'lts_6.12.conf' "$TMPDIR/bare.log" || fail "imager-tools does not say what xfsprogs lacks: $(cat "$TMPDIR/bare.log")"
  bash "$1/nix/tests/flake/evaluate.sh" "$1" newer
}
undo_xfsprogs_version() {
  sed -i 's/ != 7\.0 \]; then/ = never ]; then/' nix/talos/imager-tools.nix
  echo 'imager-tools takes xfsprogs 6.17.0'
}
undo_xfsprogs_options() {
  sed -i 's/if \[ ! -e ${options}/if false \&\& [ ! -e ${options}/' nix/talos/imager-tools.nix
  echo 'without lts_6.12.conf'
}
undo_xfsprogs_pin() {
  sed -i '/xfsprogs = atLeast pins\.xfsprogs/d' nix/flake/recipes.nix
  echo 'recipes get xfsprogs'
}

# 9: the source's date is not the same with each package set.
notice_date() {
  local attribute of got
  mkdir -p "$TMPDIR/dated/source/"{tools,scripts,configs,dts/upstream/src/arm64/rockchip,arch/arm/dts}
  touch -d 2020-02-03T04:05:06Z "$TMPDIR/dated/source/file"
  tar -cf "$TMPDIR/dated.tar" -C "$TMPDIR/dated" source
  for attribute in tfa u-boot.code u-boot-qemu; do
    of=$(values "$1" "tree.$attribute.postPatch" | jq -r .)
    # What it copies is in no store here.
    build src="$TMPDIR/dated.tar" prePatch='cp() { :; }' postPatch="$of" phases='unpackPhase patchPhase installPhase' \
      installPhase='echo $SOURCE_DATE_EPOCH >$out'
    got=$(cat "$built")
    [ "$got" = 315532800 ] || fail "$attribute is built with SOURCE_DATE_EPOCH=$got, want 315532800"
  done
}
undo_date_tfa() {
  sed -i 's/postPatch = "export SOURCE_DATE_EPOCH=[^"]*"/postPatch = ""/' nix/boot/tfa.nix
  echo 'tfa is built with SOURCE_DATE_EPOCH='
}
undo_date_uboot() {
  sed -i '/export SOURCE_DATE_EPOCH=/d' nix/boot/u-boot-ours.nix
  echo 'u-boot.code is built with SOURCE_DATE_EPOCH='
}

# 10: a runner's disk holds two toolchains and one image when it has made room first (.ci/make-room).
notice_disk() {
  local machine=$TMPDIR/machine rooms builds images
  mkdir -p "$machine/usr/share/dotnet" "$machine/bin" "$machine/nix"
  df() { printf 'head\nnix 1 1 %s\n' "$free"; }
  export -f df
  ! free=29999 bash "$1/.ci/make-room" "$machine" 2>"$TMPDIR/room.log" || fail "make-room is content with 29999 MB"
  grep -q '29999 MB free' "$TMPDIR/room.log" || fail "make-room does not say how much is free: $(cat "$TMPDIR/room.log")"
  free=30000 bash "$1/.ci/make-room" "$machine" || fail "make-room is not content with 30000 MB"
  [ ! -e "$machine/usr/share/dotnet" ] && [ -d "$machine/nix" ] || fail "make-room took the wrong things"
  rooms=$(grep -c 'run: sudo .ci/make-room' "$1/.github/workflows/build.yaml") || true
  builds=$(grep -c 'runs-on:' "$1/.github/workflows/build.yaml")
  [ "$rooms" = "$builds" ] || fail "of $builds jobs of the workflow $rooms make room on the disk first"
  images=$(grep -o 'nix build [^>]*\.#sdImage[^ ]*' "$1/.github/workflows/build.yaml" | sed 's/.*#//' | sort -u)
  [ "$images" = sdImage ] || fail "the workflow builds the images $(echo "$images" | tr '\n' ' '), want one"
}
undo_disk_room() {
  sed -i '/run: sudo .ci\/make-room/d' .github/workflows/build.yaml
  echo 'make room on the disk first'
}
undo_disk_needed() {
  sed -i 's/^needed=30000/needed=15000/' .ci/make-room
  echo 'content with 29999 MB'
}
undo_disk_images() {
  sed -i 's/\.#sdImage --out-link image/.#sdImage-lts --out-link image/' .github/workflows/build.yaml
  echo 'want one'
}

# Not of nixpkgs' builders, but of a first build: a recipe's preBuild runs where Go modules are fetched as well, and a store
# that had them hid that it fails there.
notice_modules() { values "$1" 'map (package: package.drvPath) [ tree.machined tree.talos-installer tree.imager ]'; }
undo_modules() {
  sed -i '/overrideModAttrs = _: { preBuild/d' nix/go-required.nix
  echo 'preBuild runs where the modules are fetched as well'
}

if [ "${1:-}" = notice ]; then
  "notice_$2" "$3"
  exit
fi

tree=$TMPDIR/tree
cp -r "$src" "$tree"
chmod -R u+w "$tree"
mkdir -p "$tree/docs" "$tree/.github/workflows"
cp "$docs" "$tree/docs/nix.md"
cp -r "$ci" "$tree/.ci"
cp "$workflow" "$tree/.github/workflows/build.yaml"
chmod -R u+w "$tree"

# noticed FINDING TREE: whether it is; what is said goes to $TMPDIR/said
noticed() { ! bash "$0" notice "$1" "$2" >"$TMPDIR/said" 2>&1; }
findings=(hdcp zlib cache version resources phases writable xfsprogs date disk modules)
for finding in "${findings[@]}"; do
  ! noticed "$finding" "$tree" || fail "undone.sh: $finding is noticed where nothing is undone: $(cat "$TMPDIR/said")"
  undos=$(compgen -A function "undo_$finding")
  for undo in $undos; do
    rm -rf "$TMPDIR/undone"
    cp -r "$tree" "$TMPDIR/undone"
    text=$(cd "$TMPDIR/undone" && "$undo")
    ! diff -rq "$tree" "$TMPDIR/undone" >/dev/null || fail "undone.sh: $undo changes nothing"
    noticed "$finding" "$TMPDIR/undone" || fail "undone.sh: nothing notices $undo"
    grep -qF -- "$text" "$TMPDIR/said" || fail "undone.sh: $undo: got '$(cat "$TMPDIR/said")', want '$text' in it"
    echo "$undo: $(grep -F -m 1 -- "$text" "$TMPDIR/said")"
  done
done
