# SPDX-License-Identifier: MPL-2.0
# The test of a node (nix/tests/node.nix) on the model of the board, from the mask ROM on: configuration, volumes that are
# encrypted with the identity which U-Boot makes of the CPU's id, and a reboot from the card. Outputs: log.
{
  lib,
  buildGoModule,
  go-lint,
  qemu-nanopi-m6,
  zstd,
  sdImage,
  start-qemu,
}:
import ./node-module.nix { inherit lib buildGoModule go-lint sdImage start-qemu; } {
  pname = "board-node";
  flags = "-timeout 4h";
  files = [ "node_test.go" ];
  nativeBuildInputs = [ zstd ] ++ qemu-nanopi-m6.libraries;
  env = {
    NODE_BOARD = "${qemu-nanopi-m6}/bin/qemu-system-aarch64";
    # Time is counted in instructions, as in nix/tests/life.nix.
    NODE_QEMU = "-icount shift=1,sleep=on -rtc clock=vm";
  };
}
