# SPDX-License-Identifier: MPL-2.0
# U-Boot with the board's boot flow does in QEMU what docs/board.md says of it: the order of the disks, the device tree, the
# word that leads to the prompt, and which board it is (nix/tests/programs/boot-flow).
{
  lib,
  stdenv,
  buildGoModule,
  dosfstools,
  dtc,
  gptfdisk,
  mtools,
  qemu,
  dtSources,
  dtb,
  u-boot-qemu,
}:
let
  board = import ../board.nix;
  module = import ../go-module.nix { inherit lib; };
  # dtbo NAME SOURCE: the device-tree overlay by which a test describes something to QEMU's virt machine.
  dtbo =
    name: src:
    stdenv.mkDerivation {
      name = "${name}.dtbo";
      nativeBuildInputs = [ dtc ];
      buildCommand = "sh ${../../dts/compile.sh} ${dtSources} ${src} $out";
    };
in
module.bootTest buildGoModule {
  program = "boot-flow";
  internal = [
    "board"
    "child"
    "disk"
    "fixture/machine"
    "image"
    "qemu"
  ];
  minutes = 30;
  nativeBuildInputs = [
    dosfstools
    dtc
    gptfdisk
    mtools
    qemu
  ];
  env = {
    FLOW_UBOOT = "${u-boot-qemu}/u-boot.bin";
    FLOW_EFI = "${u-boot-qemu}/helloworld.efi";
    FLOW_DTB = "${dtb}/rockchip/${board.deviceTree}.dtb";
    FLOW_BOARD = dtbo "qemu-board" ../../dts/qemu-board.dtso;
    FLOW_FACTS = ../../dts + "/${board.name}.facts.yaml";
  };
}
