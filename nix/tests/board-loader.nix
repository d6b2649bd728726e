# SPDX-License-Identifier: MPL-2.0
# The board's loader, unchanged, on the model of the board: every medium and their order, torn copies, memory sizes, the
# watchdog, the LEDs; and what the board forbids ends a run (nix/tests/programs/board).
{
  lib,
  buildGoModule,
  qemu-nanopi-m6,
  u-boot,
}:
let
  module = import ../go-module.nix { inherit lib; };
in
module.build buildGoModule {
  pname = "board-loader";
  version = "0";
  src = module.only [
    ./programs/board
    ../../internal
  ];
  nativeBuildInputs = qemu-nanopi-m6.libraries;
  env = {
    BOARD_QEMU = "${qemu-nanopi-m6}/bin/qemu-system-aarch64";
    BOARD_UBOOT = u-boot;
  };
  buildPhase = ''
    unformatted=$(gofmt -l nix/tests/programs/board)
    [ -z "$unformatted" ] || { echo "not as gofmt writes it: $unformatted" >&2; exit 1; }
    go vet -tags qemu ./nix/tests/programs/board
  '';
  doCheck = true;
  checkPhase = "go test -v -timeout 60m -tags qemu ./nix/tests/programs/board";
  installPhase = "touch $out";
}
