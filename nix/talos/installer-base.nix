# SPDX-License-Identifier: MPL-2.0
# Talos' installer base from source, an OCI image layout for linux/arm64: Talos' installer and the programs it calls, on a
# root of Debian arm64 files. The official one is Alpine's. Arguments: `installer`, `grubInstall` (bin/…) and `grub` (BOOTAA64.EFI).
{
  runCommand,
  binutils,
  dpkg,
  oci-image,
  sources,
  installer,
  grubInstall,
  grub,
}:
runCommand "talos-${installer.version}-installer-base"
  {
    nativeBuildInputs = [
      binutils
      dpkg
      oci-image
    ];
    debs = map (name: sources.debianFile "${name}:arm64") [
      "dosfstools"
      "libblkid1"
      "libc6"
      "libinih1"
      "liburcu8t64"
      "libuuid1"
      "xfsprogs"
    ];
  }
  ''
    for deb in $debs; do dpkg-deb --extract $deb unpacked; done
    mkdir -p root/usr/bin root/usr/lib/aarch64-linux-gnu root/usr/lib/grub root/usr/share/xfsprogs
    for link in bin lib sbin; do ln -s usr/''${link/sbin/bin} root/$link; done
    ln -s bin root/usr/sbin
    cp unpacked/usr/sbin/mkfs.fat unpacked/usr/sbin/mkfs.xfs root/usr/bin/
    ln -s mkfs.fat root/usr/bin/mkfs.vfat
    cp -r unpacked/usr/share/xfsprogs/mkfs root/usr/share/xfsprogs/
    cp -P unpacked/usr/lib/ld-linux-aarch64.so.1 root/usr/lib/
    cp ${installer}/bin/installer ${grubInstall}/bin/grub-install root/usr/bin/
    cp ${grub}/BOOTAA64.EFI root/usr/lib/grub/
    # What they need, and what that needs.
    needed() { readelf --dynamic "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }
    take() { # FILE
      local name
      for name in $(needed $1); do
        [ -e root/usr/lib/$name ] || [ -e root/usr/lib/aarch64-linux-gnu/$name ] || {
          cp -L unpacked/usr/lib/aarch64-linux-gnu/$name root/usr/lib/aarch64-linux-gnu/
          take root/usr/lib/aarch64-linux-gnu/$name
        }
      done
    }
    for file in root/usr/bin/mkfs.fat root/usr/bin/mkfs.xfs root/usr/lib/ld-linux-aarch64.so.1; do take $file; done
    oci-image build --platform linux/arm64=root $out
  ''
