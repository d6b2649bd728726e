# SPDX-License-Identifier: MPL-2.0
# The image, unchanged, boots in QEMU through U-Boot, EFI, GRUB and the kernel to Talos' maintenance API, from the given
# kind of disk. Outputs: boot.json (seconds to each stage) and serial.log.
{
  stdenvNoCC,
  qemu,
  sdImage,
  boot-test,
  u-boot-qemu,
  installer,
  disk,
}:
stdenvNoCC.mkDerivation {
  name = "boot-${disk}";
  nativeBuildInputs = [
    boot-test
    qemu
  ];
  buildCommand = ''
    mkdir $out
    boot -image ${sdImage}/${sdImage.fileName} -firmware ${u-boot-qemu}/u-boot.bin \
      -installer ${installer.amd64}/bin/installer -arg talos.platform=metal \
      -disk ${disk} -timeout 15m -settle 15s -json $out/boot.json -log $out/serial.log
  '';
}
