# SPDX-License-Identifier: MPL-2.0
# A node starts from its own disk whatever other disks are attached (docs/operating.md, nix/tests/programs/two-disks).
{
  lib,
  buildGoModule,
  dosfstools,
  gptfdisk,
  mtools,
  qemu,
  imagerTools,
  grub,
  u-boot-qemu,
}:
let
  module = import ../go-module.nix { inherit lib; };
in
module.bootTest buildGoModule {
  program = "two-disks";
  internal = [
    "child"
    "disk"
    "fixture/machine"
    "image"
    "qemu"
  ];
  minutes = 30;
  flags = [ "-parallel 2" ];
  # The imager's mkfs.xfs finds its option files.
  nativeBuildInputs = [
    imagerTools
    dosfstools
    gptfdisk
    mtools
    qemu
  ]
  ++ imagerTools.runtimeInputs;
  env = {
    DISKS_UBOOT = "${u-boot-qemu}/u-boot.bin";
    DISKS_EFI = "${u-boot-qemu}/helloworld.efi";
    DISKS_GRUB = "${grub}/BOOTAA64.EFI";
  };
}
