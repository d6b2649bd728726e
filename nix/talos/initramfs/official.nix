# SPDX-License-Identifier: MPL-2.0
# A published initramfs with our kernel's modules in place of its own.
# Arguments: `version`, `initramfs` (a file: xz or zstd, one archive or several), `kernel` (release, lib/modules) and
# `initramfs-modules` (cmd/initramfs-modules). Outputs: the file.
{
  runCommand,
  kmod,
  squashfs-tools-ng,
  initramfs-modules,
  version,
  initramfs,
  kernel,
}:
runCommand "initramfs-talos-${version}.zst"
  {
    nativeBuildInputs = [
      initramfs-modules
      kmod
      squashfs-tools-ng
    ];
  }
  ''
    initramfs-modules ${initramfs} ${kernel}/lib/modules $out
  ''
