# SPDX-License-Identifier: MPL-2.0
# Which Debian packages stand behind nixpkgs' names. `update-lock` resolves each entry with everything it depends on;
# `package/suite` takes it from another suite than stable, `alone:` without what it depends on, with the reason beside it.
{
  # What every derivation has: nixpkgs' stdenvNoCC, and bubblewrap to enter the tree.
  base = [
    "base-files"
    "bash"
    "bubblewrap"
    "bzip2"
    "coreutils"
    "diffutils"
    "file"
    "findutils"
    "gawk"
    "grep"
    "gzip"
    "libc-bin"
    "make"
    "patch"
    "sed"
    "tar"
    "xz-utils"
    "zstd"
  ];
  cc = [
    "gcc"
    "libc6-dev"
  ];
  crossCC = [ "gcc-aarch64-linux-gnu" ];

  bc = [ "bc" ];
  binutils = [ "binutils" ];
  bison = [ "bison" ];
  cacert = [ "ca-certificates" ];
  cpio = [ "cpio" ];
  dosfstools = [ "dosfstools" ];
  dpkg = [ "dpkg" ];
  dt-schema = [ "dt-schema/trixie-backports" ]; # not in stable
  dtc = [
    "device-tree-compiler"
    "libfdt-dev"
  ];
  elfutils = [ "libelf-dev" ];
  flex = [ "flex" ];
  git = [ "git" ];
  glib = [ "libglib2.0-dev" ];
  gnutls = [ "libgnutls28-dev" ];
  go = [ "golang-1.26-go/trixie-backports" ]; # Talos' imager wants Go 1.26
  gptfdisk = [ "gdisk" ];
  grub2 = [ "grub-common" ];
  jq = [ "jq" ];
  kernel-hardening-checker = [ "kernel-hardening-checker/trixie-backports" ]; # not in stable
  kmod = [ "kmod" ];
  libfaketime = [ "faketime" ];
  libslirp = [ "libslirp-dev" ];
  libuuid = [ "uuid-dev" ];
  # what nixpkgs' python3 has of itself
  meson = [
    "meson"
    "python3-venv"
  ];
  mtools = [ "mtools" ];
  ncurses = [ "libncurses-dev" ];
  ninja = [ "ninja-build" ];
  nix = [ "nix-bin" ];
  openssl = [
    "libssl-dev"
    "openssl"
  ];
  pahole = [ "pahole" ];
  perl = [ "perl" ];
  pkg-config = [ "pkg-config" ];
  python3 = [
    "python3"
    "python3-dev"
  ];
  python3-libfdt = [ "python3-libfdt" ];
  python3-pyelftools = [ "python3-pyelftools" ];
  python3-setuptools = [ "python3-setuptools" ];
  qemu = [
    "qemu-system-arm"
    "qemu-utils"
  ];
  rsync = [ "rsync" ];
  shellcheck = [ "shellcheck" ];
  squashfs-tools-ng = [ "squashfs-tools-ng" ];
  swig = [ "swig" ];
  ubootTools = [ "u-boot-tools" ];
  util-linux = [ "util-linux" ];
  which = [ "debianutils" ];
  # 7.x honours SOURCE_DATE_EPOCH and DETERMINISTIC_SEED, stable's 6.13 does not; mkfs.xfs itself runs on stable's
  # libraries, so that the package comes alone.
  xfsprogs = [
    "libblkid1"
    "libinih1"
    "liburcu8t64"
    "libuuid1"
    "alone:xfsprogs/forky"
  ];
}
