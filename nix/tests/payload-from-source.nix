# SPDX-License-Identifier: MPL-2.0
# The way an official payload goes, gone with the one from source, whose root has labels and this kernel's modules: the
# root that comes out is the one that went in. (What else becomes of an initramfs: the tests of cmd/initramfs-modules.)
{
  runCommand,
  cpio,
  squashfs-tools-ng,
  zstd,
  initramfs,
  rebuilt,
}:
runCommand "payload-from-source"
  {
    nativeBuildInputs = [
      cpio
      squashfs-tools-ng
      zstd
    ];
  }
  ''
    mkdir before after
    for which in before:${initramfs} after:${rebuilt}; do
      cd ''${which%%:*}
      zstd -dc ''${which#*:} | cpio --extract --quiet
      # Names, types, modes, owners, times, links, labels and contents.
      sqfs2tar --root-becomes . rootfs.sqsh >root.tar
      rm rootfs.sqsh
      tar -tvf root.tar >listing
      cd ..
    done
    grep -a -c security.selinux before/root.tar
    diff before/listing after/listing
    diff --recursive before after
    touch $out
  ''
