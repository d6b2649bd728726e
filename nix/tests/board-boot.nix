# SPDX-License-Identifier: MPL-2.0
# The image, unchanged, starts on the model of the board, from the mask ROM on, and Talos' maintenance API answers over the
# board's own Ethernet, with the MAC address of its EEPROM (docs/board-model.md): from the card, from the eMMC module, and from
# NVMe with the loader on a card and in SPI flash. Time passes with instructions: no outcome depends on how busy the host is.
# Outputs: of each a folder with boot.json (seconds to each stage) and serial.log.
{
  lib,
  stdenvNoCC,
  qemu-nanopi-m6,
  sdImage,
  boot-test,
  installer,
  u-boot,
}:
let
  # from: a name; disk: where the image is; media: what makes the medium that has the loader, and option the program's for it.
  start =
    {
      from,
      disk ? from,
      media ? "",
      option ? "",
    }:
    stdenvNoCC.mkDerivation {
      name = "board-boot-${from}";
      nativeBuildInputs = [ boot-test ] ++ qemu-nanopi-m6.libraries;
      buildCommand = ''
        mkdir $out
        ${media}
        boot -board -image ${sdImage}/${sdImage.fileName} -qemu ${qemu-nanopi-m6}/bin/qemu-system-aarch64 \
          -installer ${installer.amd64}/bin/installer -arg talos.platform=metal \
          -disk ${disk} ${option} -mac 52:54:4d:36:00:01 \
          -timeout 60m -settle 15s -json $out/boot.json -log $out/serial.log
      '';
    };
  starts = map start [
    { from = "sd"; }
    { from = "emmc"; }
    {
      from = "nvme-loader-on-card";
      disk = "nvme";
      media = ''
        truncate -s 4G card.raw
        dd if=${u-boot}/u-boot-rockchip.bin of=card.raw bs=32k seek=1 conv=notrunc status=none
      '';
      option = "-card card.raw";
    }
    {
      from = "nvme-loader-in-flash";
      disk = "nvme";
      media = ''
        head -c 16M /dev/zero | tr '\0' '\377' >flash.raw
        dd if=${u-boot}/u-boot-rockchip-spi.bin of=flash.raw conv=notrunc status=none
      '';
      option = "-flash flash.raw";
    }
  ];
in
stdenvNoCC.mkDerivation {
  name = "board-boot";
  buildCommand = ''
    mkdir $out
    ${lib.concatMapStringsSep "\n" (start: "ln -s ${start} $out/${start.name}") starts}
  '';
}
