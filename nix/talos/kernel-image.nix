# SPDX-License-Identifier: MPL-2.0
# The kernel as an OCI image layout (linux/arm64), laid out as siderolabs/pkgs' kernel is (kernel/kernel/pkg.yaml): what
# Talos' own build takes as PKG_KERNEL.
#   boot/vmlinuz, usr/lib/modules/RELEASE, dtb/rockchip
{
  runCommand,
  kmod,
  oci-image,
  kernel,
  dtb,
}:
runCommand "kernel-image-${(import ../board.nix).name}"
  {
    nativeBuildInputs = [
      kmod
      oci-image
    ];
  }
  ''
    mkdir -p root/boot root/usr/lib root/dtb
    cp ${kernel}/Image root/boot/vmlinuz
    cp ${kernel}/config root/boot/config
    cp -r ${kernel}/lib/modules root/usr/lib/modules
    chmod -R u+w root
    depmod --basedir root/usr $(cat ${kernel}/release)
    cp -r ${dtb}/rockchip root/dtb/
    oci-image build --platform linux/arm64=root $out
  ''
