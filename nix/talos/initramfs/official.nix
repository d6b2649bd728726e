# SPDX-License-Identifier: MPL-2.0
# A published initramfs with our kernel's modules in place of its own.
# Arguments: `version`, `initramfs` (a file: xz or zstd, one archive or several) and `kernel` (release, lib/modules).
# Outputs: the file.
{
  stdenvNoCC,
  cpio,
  kmod,
  python3,
  squashfs-tools-ng,
  xz,
  zstd,
  version,
  initramfs,
  kernel,
}:
stdenvNoCC.mkDerivation {
  name = "initramfs-talos-${version}.zst";
  nativeBuildInputs = [
    cpio
    kmod
    python3
    squashfs-tools-ng
    xz
    zstd
  ];
  inherit initramfs;
  modules = "${kernel}/lib/modules";
  swap = ./modules;
  buildCommand = "bash $swap/replace.sh $initramfs $modules $out";
}
