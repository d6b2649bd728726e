# SPDX-License-Identifier: MPL-2.0
# The image, unchanged, starts on the model of the board, from the mask ROM on, and Talos' maintenance API answers over the
# board's own Ethernet, with the MAC address of its EEPROM (docs/board-model.md). Time passes with instructions: no outcome
# depends on how busy the host is.
# Outputs: boot.json (seconds to each stage) and serial.log.
{
  stdenvNoCC,
  qemu-nanopi-m6,
  sdImage,
  boot-test,
  installer,
}:
stdenvNoCC.mkDerivation {
  name = "board-boot";
  nativeBuildInputs = [ boot-test ] ++ qemu-nanopi-m6.libraries;
  buildCommand = ''
    mkdir $out
    boot -board -image ${sdImage}/${sdImage.fileName} -qemu ${qemu-nanopi-m6}/bin/qemu-system-aarch64 \
      -installer ${installer.amd64}/bin/installer -arg talos.platform=metal \
      -disk sd -mac 52:54:4d:36:00:01 -timeout 60m -settle 15s -json $out/boot.json -log $out/serial.log
  '';
}
