# SPDX-License-Identifier: MPL-2.0
# Tests of nix/tests/programs/board, on the model of the board.
# Arguments: `flags` of `go test`, and `env`, what those tests are given beside the model.
{
  lib,
  buildGoModule,
  qemu-nanopi-m6,
}:
{ flags, env }:
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
    "fixture/rockchiploader"
    "image"
    "inspect/gpt"
    "medium"
    "qemu"
    "rockchip"
  ];
  minutes = 60;
  inherit flags;
  nativeBuildInputs = qemu-nanopi-m6.libraries;
  env = {
    BOARD_QEMU = "${qemu-nanopi-m6}/bin/qemu-system-aarch64";
  }
  // env;
}
