# SPDX-License-Identifier: MPL-2.0
# The Go programs and packages pass their own tests. (The linter: lint.nix.)
{
  lib,
  buildGoModule,
  u-boot,
}:
let
  module = import ../go-module.nix { inherit lib; };
in
module.check buildGoModule {
  pname = "go-tests";
  version = "0";
  # With what the tests read beside the code, and with the modules beside this one: nothing of theirs lies where Go looks.
  src = module.only [
    ../../cmd
    ../../installer
    ../../internal
    ./programs
    ../../CHANGELOG.md
    ../../CONTRIBUTING.md
    ../../README.md
    ../../docs
    ../../dts
    ../../patches
    ../../profiles
    ../boot/u-boot
    ../kernel/config
    ../kernel/needs
    ../kernel/talos
    ../pins.nix
    ../talos/imager
    ../talos/releases.json
    ./qemu/hw/nanopi-m6.c
  ];
  env.U_BOOT_ROCKCHIP_BIN = "${u-boot}/u-boot-rockchip.bin";
  buildPhase = "go build ./...";
  doCheck = true;
  checkPhase = "go test ./...";
  installPhase = "touch $out";
}
