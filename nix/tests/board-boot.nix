# SPDX-License-Identifier: MPL-2.0
# The image, unchanged, starts on the model of the board, from the mask ROM on, and Talos' maintenance API answers over the
# board's own Ethernet, with the MAC address of its EEPROM (docs/board-model.md): from the card, from the eMMC module, and from
# an NVMe disk with the loader on a card and in SPI flash. Time passes with instructions: no outcome depends on how busy the
# host is.
# Outputs: of each a folder with boot.json (seconds to each stage) and serial.log.
{
  lib,
  stdenvNoCC,
  qemu-nanopi-m6,
  sdImage,
  u-boot,
  boot-test,
  installer,
}:
let
  media = {
    sd.options = "-disk sd";
    emmc.options = "-disk emmc";
    nvme-card = {
      options = "-disk nvme -card card.raw";
      make = ''
        truncate -s 4G card.raw
        dd if=${u-boot}/u-boot-rockchip.bin of=card.raw bs=32K seek=1 conv=notrunc status=none
      '';
    };
    nvme-flash = {
      options = "-disk nvme -flash flash.raw";
      make = ''
        head -c 16M /dev/zero | tr '\0' '\377' >flash.raw
        dd if=${u-boot}/u-boot-rockchip-spi.bin of=flash.raw conv=notrunc status=none
      '';
    };
  };
  # before: what was started before; each keeps a core busy for minutes.
  start =
    before: name:
    let
      medium = media.${name};
    in
    before
    ++ [
      (stdenvNoCC.mkDerivation {
        name = "board-boot-${name}";
        nativeBuildInputs = [ boot-test ] ++ qemu-nanopi-m6.libraries;
        inherit before;
        buildCommand = ''
          mkdir $out
          ${medium.make or ""}
          boot -board -image ${sdImage}/${sdImage.fileName} -qemu ${qemu-nanopi-m6}/bin/qemu-system-aarch64 \
            -installer ${installer.amd64}/bin/installer -arg talos.platform=metal \
            ${medium.options} -mac 52:54:4d:36:00:01 -timeout 60m -settle 15s -json $out/boot.json -log $out/serial.log
        '';
      })
    ];
in
stdenvNoCC.mkDerivation {
  name = "board-boot";
  buildCommand = ''
    mkdir $out
    ${lib.concatMapStringsSep "\n" (start: "ln -s ${start} $out/${start.name}") (
      builtins.foldl' start [ ] (builtins.attrNames media)
    )}
  '';
}
