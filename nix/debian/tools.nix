# SPDX-License-Identifier: MPL-2.0
# Which Debian packages stand behind nixpkgs' names, and what of them a build sees. A name is nixpkgs' attribute, or
# `attribute` says which part of nixpkgs it stands for.
#   packages    `update-lock` resolves them with everything they depend on; `package/suite` takes one from another suite than
#               stable, `alone:` without what it depends on, with the reason beside it. Headers and link libraries are there
#               for these packages only: of what they depend on, a build has what runs (nixpkgs' stdenv shows no more).
#   outputs     nixpkgs' outputs that recipes use: a recipe that takes a file of another does not evaluate
#   programs    what is in PATH; null is every program of `packages`. What else the package has, a recipe does not find.
#   propagates  names here that nixpkgs' package brings along
#   without     packages that Debian's depends on and nixpkgs' has nothing of
{
  # What every derivation's tree holds and no recipe sees: bubblewrap enters the tree.
  enter = {
    attribute = null;
    packages = [
      "base-files"
      "bubblewrap"
      "libc-bin"
    ];
    outputs = [ ];
    programs = [ ];
  };
  # pkgs/stdenv/generic/common-path.nix
  base = {
    attribute = "stdenv.initialPath";
    packages = [
      "bash"
      "bzip2"
      "coreutils"
      "diffutils"
      "file"
      "findutils"
      "gawk"
      "grep"
      "gzip"
      "make"
      "patch"
      "sed"
      "tar"
      "xz-utils"
    ];
    outputs = [ "out" ];
    programs = null;
  };
  # With binutils, as nixpkgs' wrappers have them.
  cc = {
    attribute = "stdenv.cc";
    packages = [
      "binutils"
      "binutils-x86-64-linux-gnu"
      "cpp"
      "gcc"
      "gcc-14"
      "libc6-dev"
      "libgcc-14-dev"
      "linux-libc-dev"
    ];
    outputs = [ "out" ];
    programs = null;
  };
  crossCC = {
    attribute = "pkgsCross.aarch64-multiplatform.stdenv.cc";
    packages = [
      "binutils-aarch64-linux-gnu"
      "cpp-aarch64-linux-gnu"
      "gcc-aarch64-linux-gnu"
      "libgcc-14-dev-arm64-cross"
    ];
    outputs = [ "out" ];
    programs = null;
  };

  bc = {
    packages = [ "bc" ];
    outputs = [ "out" ];
    programs = [ "bc" ];
  };
  binutils = {
    packages = [
      "binutils"
      "binutils-x86-64-linux-gnu"
    ];
    outputs = [ "out" ];
    programs = null;
  };
  bison = {
    packages = [ "bison" ];
    outputs = [ "out" ];
    programs = [
      "bison"
      "yacc"
    ];
    propagates = [ "m4" ];
  };
  cacert = {
    packages = [ "ca-certificates" ];
    outputs = [ "out" ];
    programs = [ ];
  };
  cosign = {
    # nixpkgs has 3, whose options are others than those of 2.5 in stable; alone, for what it depends on is stable's libc6.
    packages = [
      "libc6"
      "alone:cosign/forky"
    ];
    outputs = [ "out" ];
    programs = [ "cosign" ];
  };
  cpio = {
    packages = [ "cpio" ];
    outputs = [ "out" ];
    programs = [ "cpio" ];
  };
  dosfstools = {
    packages = [ "dosfstools" ];
    outputs = [ "out" ];
    programs = [
      "fsck.fat"
      "fsck.vfat"
      "mkfs.fat"
      "mkfs.vfat"
    ];
  };
  dpkg = {
    packages = [ "dpkg" ];
    outputs = [ "out" ];
    programs = [ "dpkg-deb" ];
  };
  dt-schema = {
    packages = [ "dt-schema/trixie-backports" ]; # not in stable
    outputs = [ "out" ];
    programs = [
      "dt-doc-validate"
      "dt-mk-schema"
      "dt-validate"
    ];
  };
  dtc = {
    packages = [
      "device-tree-compiler"
      "libfdt-dev"
    ];
    outputs = [ "out" ];
    programs = [
      "dtc"
      "fdtdump"
      "fdtget"
      "fdtoverlay"
      "fdtput"
    ];
  };
  elfutils = {
    packages = [ "libelf-dev" ];
    outputs = [
      "dev"
      "out"
    ];
    programs = [ ];
  };
  flex = {
    packages = [ "flex" ];
    outputs = [ "out" ];
    programs = [
      "flex"
      "lex"
    ];
    propagates = [ "m4" ];
  };
  git = {
    packages = [ "git" ];
    outputs = [ "out" ];
    programs = [ "git" ];
  };
  glib = {
    packages = [
      "libgio-2.0-dev"
      "libglib2.0-dev"
      # What Debian's glib-2.0.pc and gio-2.0.pc require; nixpkgs' do not.
      "libblkid-dev"
      "libffi-dev"
      "libmount-dev"
      "libpcre2-dev"
      "libselinux1-dev"
      "libsepol-dev"
      "libsysprof-capture-4-dev"
    ];
    outputs = [
      "dev"
      "out"
    ];
    programs = [ ];
    propagates = [ "zlib" ];
  };
  gnutls = {
    packages = [ "libgnutls28-dev" ];
    outputs = [
      "dev"
      "out"
    ];
    programs = [ ];
    propagates = [ "nettle" ];
  };
  go = {
    packages = [ "golang-1.26-go/trixie-backports" ]; # the Talos imager wants Go 1.26
    outputs = [ "out" ];
    programs = [
      "go"
      "gofmt"
    ];
  };
  gptfdisk = {
    packages = [ "gdisk" ];
    outputs = [ "out" ];
    programs = [ "sgdisk" ];
  };
  grub2 = {
    packages = [ "grub-common" ];
    outputs = [ "out" ];
    programs = [
      "grub-fstest"
      "grub-mkimage"
    ];
  };
  jq = {
    packages = [ "jq" ];
    outputs = [
      "bin"
      "out"
    ];
    programs = [ "jq" ];
  };
  kernel-hardening-checker = {
    packages = [ "kernel-hardening-checker/trixie-backports" ]; # not in stable
    outputs = [ "out" ];
    programs = [ "kernel-hardening-checker" ];
  };
  kmod = {
    packages = [ "kmod" ];
    outputs = [ "out" ];
    programs = [
      "depmod"
      "kmod"
      "modinfo"
    ];
  };
  libfaketime = {
    packages = [ "faketime" ];
    outputs = [ "out" ];
    programs = [ "faketime" ];
  };
  libslirp = {
    packages = [ "libslirp-dev" ];
    outputs = [ "out" ];
    programs = [ ];
    propagates = [ "glib" ];
  };
  libuuid = {
    packages = [ "uuid-dev" ];
    outputs = [
      "dev"
      "out"
    ];
    programs = [ ];
  };
  m4 = {
    packages = [ "m4" ];
    outputs = [ "out" ];
    programs = [ "m4" ];
  };
  meson = {
    # With what nixpkgs' python3 has of itself.
    packages = [
      "meson"
      "python3-venv"
    ];
    outputs = [ "out" ];
    programs = [ "meson" ];
  };
  mtools = {
    packages = [ "mtools" ];
    outputs = [ "out" ];
    programs = null;
  };
  ncurses = {
    packages = [ "libncurses-dev" ];
    outputs = [
      "dev"
      "out"
    ];
    programs = [ ];
  };
  nettle = {
    packages = [ "nettle-dev" ];
    outputs = [
      "dev"
      "out"
    ];
    programs = [ ];
    propagates = [ "gmp" ];
  };
  ninja = {
    packages = [ "ninja-build" ];
    outputs = [ "out" ];
    programs = [ "ninja" ];
  };
  gmp = {
    packages = [ "libgmp-dev" ];
    outputs = [
      "dev"
      "out"
    ];
    programs = [ ];
  };
  nix = {
    packages = [ "nix-bin" ];
    outputs = [ "out" ];
    programs = null;
  };
  # nixpkgs' test of `pin` names curl itself; in Debian it comes with Nix.
  curl = {
    packages = [ "curl" ];
    outputs = [ "bin" ];
    programs = [ "curl" ];
  };
  openssl = {
    packages = [
      "libssl-dev"
      "openssl"
    ];
    outputs = [
      "bin"
      "dev"
      "out"
    ];
    programs = [ "openssl" ];
  };
  pahole = {
    packages = [ "pahole" ];
    outputs = [ "out" ];
    programs = [ "pahole" ];
  };
  perl = {
    packages = [ "perl" ];
    outputs = [ "out" ];
    programs = [ "perl" ];
  };
  pkg-config = {
    packages = [ "pkg-config" ];
    outputs = [ "out" ];
    programs = [ "pkg-config" ];
  };
  python3 = {
    packages = [
      "libpython3-dev"
      "libpython3.13-dev"
      "python3"
      "python3-dev"
      "python3.13-dev"
    ];
    outputs = [ "out" ];
    programs = [ "python3" ];
  };
  python3-libfdt = {
    attribute = "python3.pkgs.libfdt";
    packages = [ "python3-libfdt" ];
    outputs = [ "out" ];
    programs = [ ];
  };
  python3-pyelftools = {
    attribute = "python3.pkgs.pyelftools";
    packages = [ "python3-pyelftools" ];
    outputs = [ "out" ];
    programs = [ ];
  };
  python3-setuptools = {
    attribute = "python3.pkgs.setuptools";
    packages = [ "python3-setuptools" ];
    outputs = [ "out" ];
    programs = [ ];
    # setuptools 82, which newer nixpkgs have, has it no more.
    without = [ "python3-pkg-resources" ];
  };
  qemu = {
    packages = [
      "qemu-system-arm"
      "qemu-utils"
    ];
    outputs = [ "out" ];
    programs = [
      "qemu-img"
      "qemu-io"
      "qemu-system-aarch64"
    ];
  };
  rsync = {
    packages = [ "rsync" ];
    outputs = [ "out" ];
    programs = [ "rsync" ];
  };
  shellcheck = {
    packages = [ "shellcheck" ];
    outputs = [
      "bin"
      "out"
    ];
    programs = [ "shellcheck" ];
  };
  squashfs-tools-ng = {
    packages = [ "squashfs-tools-ng" ];
    outputs = [ "out" ];
    programs = null;
  };
  swig = {
    packages = [ "swig" ];
    outputs = [ "out" ];
    programs = [ "swig" ];
  };
  ubootTools = {
    packages = [ "u-boot-tools" ];
    outputs = [ "out" ];
    programs = null;
  };
  unzip = {
    packages = [ "unzip" ];
    outputs = [ "out" ];
    programs = [ "unzip" ];
  };
  util-linux = {
    packages = [ "util-linux" ];
    outputs = [
      "bin"
      "out"
    ];
    programs = null;
  };
  which = {
    packages = [ "debianutils" ];
    outputs = [ "out" ];
    programs = [ "which" ];
  };
  # Without what sound, pictures and windows need: those of its packages alone that run a program at a prompt.
  wine64 = {
    packages = [
      "libunwind8"
      "alone:libwine"
      "alone:libz-mingw-w64"
      "alone:wine"
      "alone:wine64"
    ];
    outputs = [ "out" ];
    programs = [ "wine-stable" ];
  };
  # 7.x honours SOURCE_DATE_EPOCH and DETERMINISTIC_SEED, stable's 6.13 does not; mkfs.xfs itself runs on stable's
  # libraries, so that the package comes alone.
  xfsprogs = {
    packages = [
      "libblkid1"
      "libinih1"
      "liburcu8t64"
      "libuuid1"
      "alone:xfsprogs/forky"
    ];
    outputs = [
      "bin"
      "out"
    ];
    programs = [ "mkfs.xfs" ];
  };
  zip = {
    packages = [ "zip" ];
    outputs = [ "out" ];
    programs = [ "zip" ];
  };
  zlib = {
    packages = [ "zlib1g-dev" ];
    outputs = [
      "dev"
      "out"
    ];
    programs = [ ];
  };
  zstd = {
    packages = [ "zstd" ];
    outputs = [
      "bin"
      "out"
    ];
    programs = [ "zstd" ];
  };
}
