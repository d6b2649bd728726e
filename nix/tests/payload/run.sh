#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# shellcheck disable=SC2015,SC2317 # the cases are functions that `promise` calls by name; fail ends the case
# run.sh REPLACE.SH: tests nix/talos/initramfs/modules on small roots laid out and labelled as Talos' are.
set -euo pipefail
export LC_ALL=C SOURCE_DATE_EPOCH=315532800
program=$(realpath "$1")
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

failed=0
check() { # PROMISE COMMAND...
  if "${@:2}" >log 2>&1; then
    echo "ok      $1"
  else
    echo "FAILED  $1"
    sed 's/^/        /' log
    failed=1
  fi
}
refused() { # MESSAGE COMMAND...: the command fails and says so
  local message=$1
  shift
  ! "$@" >refusal 2>&1 && grep -qF -- "$message" refusal || { cat refusal; return 1; }
}

# root DIRECTORY RELEASE...: a root with stock modules of these kernels, as a squashfs with labels DIRECTORY.sqsh
root() {
  local directory=$1 release
  mkdir -p "$directory"/usr/{bin,lib/modules,lib/firmware}
  shift
  for release; do
    mkdir -p "$directory/usr/lib/modules/$release/kernel"
    echo stock >"$directory/usr/lib/modules/$release/kernel/stock.ko"
    echo "kernel/stock.ko:" >"$directory/usr/lib/modules/$release/modules.dep"
  done
  echo init >"$directory/usr/bin/init"
  ln "$directory/usr/bin/init" "$directory/usr/bin/poweroff"
  chmod 755 "$directory/usr/bin/init"
  echo blob >"$directory/usr/lib/firmware/blob.bin"
  ln -s usr/lib "$directory/lib"
  mkdir -m 1777 "$directory/tmp"
  chmod 700 "$directory/usr/lib/firmware"
  tar --create --directory="$directory" --owner=0 --group=0 --numeric-owner --sort=name . | label "$@" |
    tar2sqfs --quiet --compressor zstd "$directory.sqsh"
}
# label RELEASE...: a tar stream with Talos' labels on some of its entries
label() {
  python3 -c '
import sys, tarfile
labels = {".": "rootfs_t", "usr/bin/init": "init_exec_t", "usr/lib/firmware/blob.bin": "lib_t"}
labels |= {f"usr/lib/modules/{release}/kernel/stock.ko": "stock_module_t" for release in sys.argv[1:]}
source = tarfile.open(fileobj=sys.stdin.buffer, mode="r|")
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.PAX_FORMAT) as target:
    for entry in source:
        kind = labels.get(entry.name.removeprefix("./"))
        entry.pax_headers = {"SCHILY.xattr.security.selinux": f"system_u:object_r:{kind}:s0"} if kind else {}
        target.addfile(entry, source.extractfile(entry) if entry.isreg() else None)
' "$@"
}

archive() { # DIRECTORY: its newc archive on standard output
  (cd "$1" && find . -mindepth 1 | sort | cpio --create --format=newc --quiet)
}
# initramfs DIRECTORY: init and DIRECTORY.sqsh as Talos packs them, on standard output, not compressed
initramfs() {
  mkdir -p "$1.archive"
  echo first >"$1.archive/init"
  chmod 755 "$1.archive/init"
  cp "$1.sqsh" "$1.archive/rootfs.sqsh"
  archive "$1.archive"
}
kernel() { # DIRECTORY RELEASE: our kernel's modules. depmod reads ELF files only; what is none it lists without symbols.
  mkdir -p "$1/$2/kernel/drivers"
  cp "$here_ko" "$1/$2/kernel/drivers/ours.ko"
  echo kernel/drivers/ours.ko >"$1/$2/modules.order"
  : >"$1/$2/modules.builtin"
  : >"$1/$2/modules.builtin.modinfo"
  ln -s /nowhere "$1/$2/build"
}
# The least that depmod takes for a module: an ELF object without sections of interest.
here_ko=$work/ours.ko
python3 - "$here_ko" <<'END'
import struct, sys
names = b"\0.modinfo\0.shstrtab\0"
modinfo = b"name=ours\0license=GPL\0depends=\0"
offset = 64
sections = [b"", modinfo, names]
headers = [(0, 0, 0, 0), (1, 1, offset, len(modinfo)), (10, 3, offset + len(modinfo), len(names))]
start = offset + len(modinfo) + len(names)
with open(sys.argv[1], "wb") as f:
    f.write(b"\x7fELF\x02\x01\x01" + bytes(9))
    f.write(struct.pack("<HHIQQQIHHHHHH", 1, 183, 1, 0, 0, start, 0, 64, 0, 0, 64, 3, 2))
    f.write(modinfo + names)
    for name, kind, at, size in headers:
        f.write(struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, at, size, 0, 0, 1, 0))
END

# opened FILE DIRECTORY: what is in an initramfs, and its root as a listing with labels
opened() {
  rm -rf "$2" && mkdir "$2"
  zstd -dc "$1" | cpio --extract --quiet --make-directories --directory="$2"
  sqfs2tar --root-becomes . "$2/rootfs.sqsh" >"$2/root.tar"
  python3 - "$2/root.tar" >"$2/listing" <<'END'
import sys, tarfile
for e in tarfile.open(sys.argv[1]):
    label = e.pax_headers.get("SCHILY.xattr.security.selinux", "-").rstrip("\0")
    print(e.name.removeprefix("./"), oct(e.mode & 0o7777), e.uid, e.gid, e.linkname or "-", label)
END
}
listed() { grep -qxF -- "$1" "$2/listing" || { cat "$2/listing"; return 1; }; }
absent() { ! grep -q -- "$1" "$2/listing" || { cat "$2/listing"; return 1; }; }
same() { cmp "$1" "$2"; }

root stock 6.18.1-talos
kernel ours 6.12.0-ours
initramfs stock | xz --check=crc32 >stock.xz
initramfs stock | zstd -q >stock.zst

bash "$program" stock.xz ours out.zst
opened out.zst out
check "our modules are in, with modules.dep" listed "usr/lib/modules/6.12.0-ours/kernel/drivers/ours.ko 0o644 0 0 - system_u:object_r:stock_module_t:s0" out
dependencies() { tar -xOf out/root.tar ./usr/lib/modules/6.12.0-ours/modules.dep | grep -q '^kernel/drivers/ours.ko:'; }
check "modules.dep names them" dependencies
check "stock modules are out" absent 6.18.1-talos out
check "no link leads out of the root" absent nowhere out
check "labels are kept" listed "usr/bin/init 0o755 0 0 - system_u:object_r:init_exec_t:s0" out
check "the root's own label is kept" listed ". 0o755 0 0 - system_u:object_r:rootfs_t:s0" out
check "hard links are kept" grep -qE '^usr/bin/(poweroff|init) .* (\./)?usr/bin/(init|poweroff) ' out/listing
check "modes are kept" listed "tmp 0o1777 0 0 - -" out
check "firmware and its mode are kept" listed "usr/lib/firmware 0o700 0 0 - -" out
check "firmware's label is kept" listed "usr/lib/firmware/blob.bin 0o644 0 0 - system_u:object_r:lib_t:s0" out
opened <(cat stock.zst) before
unchanged() { diff <(grep -v '^usr/lib/modules/' before/listing | sort) <(grep -v '^usr/lib/modules/' out/listing | sort); }
check "nothing else of the root changes: names, modes, owners, links, labels" unchanged
check "init keeps its bytes" same stock.archive/init out/init

again() { NIX_BUILD_CORES=2 TMPDIR=$work bash "$program" stock.zst ours again.zst && cmp out.zst again.zst; }
check "zstd in, other cores: the same bytes" again

mkdir -p extension.archive
echo "layers: []" >extension.archive/extensions.yaml
mkdir -p ext/usr/local/share && echo e >ext/usr/local/share/e
gensquashfs --quiet --pack-dir ext --all-root extension.archive/e.sqsh
{ initramfs stock | xz --check=crc32; archive extension.archive | xz --check=crc32; } >layers.xz
layers() { bash "$program" layers.xz ours layers.zst && opened layers.zst layers && cmp extension.archive/e.sqsh layers/e.sqsh && listed "usr/bin/init 0o755 0 0 - system_u:object_r:init_exec_t:s0" layers; }
check "concatenated archives and extension layers are kept" layers
{ archive extension.archive; cat stock.zst; } >mixed
mixed() { bash "$program" mixed ours mixed.zst && cmp <(zstd -dc mixed.zst) <(zstd -dc layers.zst); }
check "a plain archive before a compressed one is read" mixed

root two 6.18.1-talos 6.1.0-other
initramfs two | zstd -q >two.zst
two() { bash "$program" two.zst ours o.zst && opened o.zst o && absent '6\.1[.8]' o && listed "usr/lib/modules/6.12.0-ours/kernel/drivers/ours.ko 0o644 0 0 - system_u:object_r:stock_module_t:s0" o; }
check "two stock kernels are both out" two
root none
initramfs none | zstd -q >none.zst
none() { bash "$program" none.zst ours o.zst && opened o.zst o && listed "usr/lib/modules/6.12.0-ours/kernel/drivers/ours.ko 0o644 0 0 - system_u:object_r:module_t:s0" o; }
check "a root without modules gets ours, labelled as Talos' policy does" none

kernel twice 6.12.0-ours && kernel twice 6.12.1-ours
check "two kernels of ours are refused" refused "but one kernel's modules are wanted" bash "$program" stock.xz twice o.zst
check "missing modules are refused" refused "but one kernel's modules are wanted" bash "$program" stock.xz nowhere o.zst
mkdir -p driver/usr/lib/modules/6.18.1-talos/extras && echo x >driver/usr/lib/modules/6.18.1-talos/extras/x.ko
mkdir driver.archive && gensquashfs --quiet --pack-dir driver --all-root driver.archive/driver.sqsh
{ cat stock.xz; archive driver.archive | xz --check=crc32; } >driver.xz
check "an extension with another kernel's modules is refused" refused "driver.sqsh" bash "$program" driver.xz ours o.zst
echo nothing >nothing
check "what is not an initramfs is refused" refused "neither a newc archive nor xz nor zstd" bash "$program" nothing ours o.zst
archive extension.archive | xz --check=crc32 >rootless.xz
check "an initramfs without a root is refused" refused "no rootfs.sqsh" bash "$program" rootless.xz ours o.zst
head -c -20 stock.xz >torn.xz
check "a torn download is refused" refused "does not decompress" bash "$program" torn.xz ours o.zst
initramfs stock >whole && head -c 1500 whole >torn
check "a torn archive is refused" refused "broken" bash "$program" torn ours o.zst
nothing_left() { rm -f left.zst; ! bash "$program" torn.xz ours left.zst && [ ! -e left.zst ]; }
check "a refusal leaves no output behind" nothing_left

exit "$failed"
