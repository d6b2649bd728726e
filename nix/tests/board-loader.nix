# SPDX-License-Identifier: MPL-2.0
# The board's loader, unchanged, on the model of the board: every medium and their order, torn copies, memory sizes, the
# watchdog, the LEDs, the network; and what the board forbids ends a run (nix/tests/programs/board).
{
  lib,
  buildGoModule,
  grub,
  qemu-nanopi-m6,
  u-boot,
}:
let
  module = import ../go-module.nix { inherit lib; };
in
module.bootTest buildGoModule {
  program = "board";
  internal = [
    "board"
    "child"
    "disk"
    "fdt"
    "fixture/machine"
    "image"
    "inspect/gpt"
    "medium"
    "qemu"
    "rockchip"
  ];
  minutes = 60;
  # Linux has a check of its own.
  flags = [ "-skip ^TestLinux" ];
  # Which layout, and which of the loader's copies counts, Go says.
  nativeBuildInputs = qemu-nanopi-m6.libraries;
  env = {
    BOARD_QEMU = "${qemu-nanopi-m6}/bin/qemu-system-aarch64";
    BOARD_UBOOT = u-boot;
    BOARD_GRUB = grub;
  };
}
