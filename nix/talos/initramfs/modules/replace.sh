#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# replace.sh INITRAMFS MODULES OUTPUT: writes INITRAMFS anew with the modules of MODULES/RELEASE (one kernel) in its
# rootfs.sqsh in place of those there. Everything else keeps its bytes, labels, modes and names: the squashfs is streamed,
# never unpacked, because an unprivileged build could not set its files' labels and owners.
#
# INITRAMFS is what Talos publishes and its imager makes: newc archives one after another, plain, xz or zstd (extensions
# come as further archives). OUTPUT is one archive, zstd.
# From the environment: SOURCE_DATE_EPOCH (the new files' time), NIX_BUILD_CORES.
set -euo pipefail
export LC_ALL=C
umask 022
: "${SOURCE_DATE_EPOCH:?}" "${NIX_BUILD_CORES:=1}"

initramfs=$1 modules=$2 output=$(realpath --canonicalize-missing "$3")
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

die() {
  printf 'replace.sh: %s\n' "$*" >&2
  exit 1
}

# extract FILE DIRECTORY: all archives of FILE, a later one's file replacing an earlier one's, as the kernel does.
extract() {
  local file=$1 directory=$2 position size magic
  size=$(stat -c %s "$file")
  exec 3<"$file"
  while true; do
    # cpio leaves the file behind the archive's last block.
    position=$(sed -n 's/^pos:[[:space:]]*//p' /proc/self/fdinfo/3)
    [ "$position" -lt "$size" ] || return 0
    magic=$(tail -c "+$((position + 1))" "$file" | head -c 6 | od -An -tx1 | tr -d ' \n') || true
    case $magic in
    303730373031)
      cpio --extract --quiet --make-directories --unconditional --no-absolute-filenames --directory="$directory" <&3 ||
        die "$initramfs: the archive at byte $position is broken: fetch it again"
      ;;
    # Both tools read streams that follow each other as one.
    fd377a585a00) unpacked=(xz --decompress --stdout) ;;&
    28b52ffd*) unpacked=(zstd --quiet --decompress --stdout) ;;&
    fd377a585a00 | 28b52ffd*)
      tail -c "+$((position + 1))" "$file" | "${unpacked[@]}" >"$file.unpacked" ||
        die "$initramfs does not decompress: fetch it again"
      extract "$file.unpacked" "$directory"
      return
      ;;
    *)
      [ -z "$(tail -c "+$((position + 1))" "$file" | tr -d '\0' | head -c 1)" ] ||
        die "$initramfs: at byte $position is neither a newc archive nor xz nor zstd: hand in initramfs-arm64.xz of a Talos release"
      return 0
      ;;
    esac
  done
}

mkdir "$work/tree"
cp "$initramfs" "$work/initramfs"
extract "$work/initramfs" "$work/tree"
[ -f "$work/tree/rootfs.sqsh" ] || die "$initramfs has no rootfs.sqsh: it is not a Talos initramfs"

# shellcheck disable=SC2015 # die ends the script
[ -d "$modules" ] && [ "$(find "$modules" -mindepth 1 -maxdepth 1 -type d | wc -l)" = 1 ] ||
  die "$modules holds $(find "$modules" -mindepth 1 -maxdepth 1 -type d -printf '%f ' 2>/dev/null || true)but one kernel's modules are wanted"
release=$(find "$modules" -mindepth 1 -maxdepth 1 -type d -printf %f)
for extension in "$work"/tree/*.sqsh; do
  [ "${extension##*/}" != rootfs.sqsh ] || continue
  if sqfs2tar "$extension" | tar -t | grep -q 'lib/modules/.*\.ko'; then
    die "the extension ${extension##*/} in $initramfs holds modules of another kernel than $release: leave it out, or build it for this one"
  fi
done

# depmod's indices are of this kernel's modules alone.
mkdir -p "$work/modules/lib/modules"
cp -r "$modules/$release" "$work/modules/lib/modules/$release"
chmod -R u+w "$work/modules"
rm -f "$work/modules/lib/modules/$release"/{build,source}
depmod --basedir "$work/modules" "$release"

sqfs2tar --no-skip --root-becomes . "$work/tree/rootfs.sqsh" |
  python3 "$here/replace.py" "$work/modules/lib/modules" |
  tar2sqfs --quiet --no-skip --compressor zstd --comp-extra level=9 \
    --num-jobs "$NIX_BUILD_CORES" "$work/rootfs.sqsh"
mv "$work/rootfs.sqsh" "$work/tree/rootfs.sqsh"

cd "$work/tree"
find . -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
# The squashfs is compressed already.
find . -mindepth 1 -print0 | sort -z |
  cpio --create --null --format=newc --reproducible --owner=+0:+0 --quiet | zstd --quiet -T"$NIX_BUILD_CORES" -1 >"$work/output"
mv "$work/output" "$output"
