# SPDX-License-Identifier: MPL-2.0
# The way an official payload goes, gone with the one from source, whose root has labels and this kernel's modules: the
# root that comes out is the one that went in.
{
  runCommand,
  cpio,
  python3,
  squashfs-tools-ng,
  zstd,
  initramfs,
  rebuilt,
}:
runCommand "payload-from-source"
  {
    nativeBuildInputs = [
      cpio
      python3
      squashfs-tools-ng
      zstd
    ];
    listing = ./payload/listing.py;
  }
  ''
    for which in ${initramfs} ${rebuilt}; do
      mkdir work
      zstd -dc $which | (cd work && cpio --extract --quiet)
      # Names, types, modes, owners, links, labels and contents; not times.
      sqfs2tar --root-becomes . work/rootfs.sqsh | python3 $listing >listing.$(basename $which)
      sha256sum <work/init >>listing.$(basename $which)
      rm -rf work
    done
    set -- listing.*
    grep -c security.selinux $1
    diff $1 $2
    touch $out
  ''
