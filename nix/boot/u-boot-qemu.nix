# SPDX-License-Identifier: MPL-2.0
# U-Boot for QEMU's virt machine with the board's boot flow (nix/boot/u-boot/boot-flow.config): what the boot tests start
# the image with. Outputs: u-boot.bin, and helloworld.efi, which the boot flow's tests start in the system's place.
{
  lib,
  buildUBoot,
  source,
}:
let
  ours = import ./u-boot-ours.nix {
    inherit lib;
    inherit (source) version;
    configs = [
      "boot-flow.config"
      "nanopi-m6-qemu_defconfig"
    ];
  };
in
(buildUBoot {
  inherit (source) version src;
  defconfig = "nanopi-m6-qemu_defconfig";
  buildFlags = [ "u-boot.bin" ];
  filesToInstall = [
    "u-boot.bin"
    "lib/efi_loader/helloworld.efi"
  ];
  extraMeta.platforms = [ "aarch64-linux" ];
}).overrideAttrs
  { inherit (ours) patches postPatch postConfigure; }
