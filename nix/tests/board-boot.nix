# SPDX-License-Identifier: MPL-2.0
# The image, unchanged, starts on the model of the board, from the mask ROM on, and Talos' maintenance API answers over the
# board's own Ethernet, with the MAC address of its EEPROM (docs/board-model.md): from the card and from the eMMC module. Time
# passes with instructions: no outcome depends on how busy the host is.
# Outputs: of each a folder with boot.json (seconds to each stage) and serial.log.
{
  lib,
  stdenvNoCC,
  qemu-nanopi-m6,
  sdImage,
  boot-test,
  installer,
}:
let
  # before: what was started before; each keeps a core busy for minutes.
  start =
    disk: before:
    stdenvNoCC.mkDerivation {
      name = "board-boot-${disk}";
      nativeBuildInputs = [ boot-test ] ++ qemu-nanopi-m6.libraries;
      inherit before;
      buildCommand = ''
        mkdir $out
        boot -board -image ${sdImage}/${sdImage.fileName} -qemu ${qemu-nanopi-m6}/bin/qemu-system-aarch64 \
          -installer ${installer.amd64}/bin/installer -arg talos.platform=metal \
          -disk ${disk} -mac 52:54:4d:36:00:01 -timeout 60m -settle 15s -json $out/boot.json -log $out/serial.log
      '';
    };
  sd = start "sd" [ ];
  emmc = start "emmc" [ sd ];
in
stdenvNoCC.mkDerivation {
  name = "board-boot";
  buildCommand = ''
    mkdir $out
    ${lib.concatMapStringsSep "\n" (start: "ln -s ${start} $out/${start.name}") [
      sd
      emmc
    ]}
  '';
}
