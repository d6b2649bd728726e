# SPDX-License-Identifier: MPL-2.0
# A published initramfs gets our kernel's modules, and keeps everything else (nix/tests/payload/run.sh).
{
  lib,
  runCommand,
  cpio,
  kmod,
  python3,
  squashfs-tools-ng,
  xz,
  zstd,
}:
runCommand "payload"
  {
    nativeBuildInputs = [
      cpio
      kmod
      python3
      squashfs-tools-ng
      xz
      zstd
    ];
    src = lib.fileset.toSource {
      root = ../.;
      fileset = lib.fileset.unions [
        ../talos/initramfs/modules
        ./payload
      ];
    };
  }
  ''
    bash $src/tests/payload/run.sh $src/talos/initramfs/modules/replace.sh
    touch $out
  ''
