# SPDX-License-Identifier: MPL-2.0
# The image's kernel and device tree, started by its own loader and GRUB on the model of the board: every device of the
# tree has its driver and does something (nix/tests/programs/board/linux_test.go). The image is the very one but for its
# initramfs, which is a shell and the kernel's modules.
# Arguments: `sdImage`, `kernel` (nix/kernel/signed.nix), `workloadPackages` (arm64 packages, busybox-static among them).
{
  lib,
  buildGoModule,
  stdenvNoCC,
  cpio,
  dpkg,
  kmod,
  zstd,
  kernel,
  qemu-nanopi-m6,
  sdImage,
  workloadPackages,
}:
let
  initramfs = stdenvNoCC.mkDerivation {
    name = "initramfs-board-linux.zst";
    nativeBuildInputs = [
      cpio
      dpkg
      kmod
      zstd
    ];
    packages = workloadPackages;
    init = ./board-linux/init;
    buildCommand = ''
      mkdir -p root/bin root/lib/modules packages
      for package in $packages; do
        case $package in *busybox-static*) dpkg-deb -x $package packages ;; esac
      done
      cp packages/usr/bin/busybox root/bin/
      cp $init root/init
      chmod 755 root/init
      release=$(cat ${kernel}/release)
      cp -r --no-preserve=mode ${kernel}/lib/modules/$release root/lib/modules/
      depmod --basedir root $release
      (cd root && find . | sort | cpio --quiet -o -H newc --reproducible -R 0:0) | zstd -q -T1 >$out
    '';
  };
  image = sdImage.override { inherit initramfs; };
  imageUHS = image.override {
    overlayOptions = sdImage.profile.overlay.options // {
      dtb = [ "rk3588s-nanopi-m6-sd-uhs.dtbo" ];
    };
  };
in
import ./board-test.nix { inherit lib buildGoModule qemu-nanopi-m6; } {
  flags = [ "-run ^TestLinux" ];
  env = {
    BOARD_IMAGE = "${image}/${image.fileName}";
    BOARD_IMAGE_UHS = "${imageUHS}/${imageUHS.fileName}";
  };
}
