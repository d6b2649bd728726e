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
import ./board-test.nix { inherit lib buildGoModule qemu-nanopi-m6; } {
  # Linux has a check of its own.
  flags = [ "-skip ^TestLinux" ];
  env = {
    # Which layout, and which of the loader's copies counts, Go says.
    BOARD_UBOOT = u-boot;
    BOARD_GRUB = grub;
  };
}
