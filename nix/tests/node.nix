# SPDX-License-Identifier: MPL-2.0
# The image becomes a node: it takes a machine configuration and keeps it over a reboot, on encrypted volumes (nix/tests/programs/node).
{
  lib,
  buildGoModule,
  go-lint,
  qemu,
  zstd,
  sdImage,
  start-qemu,
  u-boot-qemu,
}:
import ./node-module.nix { inherit lib buildGoModule go-lint sdImage start-qemu; } {
  pname = "node";
  flags = "-timeout 40m";
  nativeBuildInputs = [
    qemu
    zstd
  ];
  env = {
    NODE_FIRMWARE = "${u-boot-qemu}/u-boot.bin";
  };
}
