# SPDX-License-Identifier: MPL-2.0
# A node's life after its first boot: installation onto another disk, upgrade, rollback, reset
# (nix/tests/programs/node/life_test.go), or, as `name` and `tests` say, power cuts in the upgrade (powercut_test.go). It takes
# many boots, so neither is among the checks: nix/debian/build life, nix/debian/build power-cuts. Outputs: log.
{
  lib,
  runCommand,
  buildGoModule,
  go-lint,
  gptfdisk,
  grub2,
  qemu,
  zstd,
  sdImage,
  installerImage,
  registry,
  start-qemu,
  u-boot-qemu,
  name ? "life",
  tests ? "TestANodesWholeLife",
}:
let
  # installer VERSION: the installer image of a version that is told by its kernel arguments.
  installer =
    version:
    let
      image = installerImage.override {
        sdImage = sdImage.override {
          overlayOptions = sdImage.profile.overlay.options // {
            extraKernelArgs = [ "life=${version}" ];
          };
        };
      };
    in
    "ln -s ${image}/installer-arm64.tar $out/${version}.tar";
  installers = runCommand "installers" { } ''
    mkdir $out
    ${lib.concatMapStringsSep "\n" installer [
      "one"
      "two"
    ]}
  '';
in
import ./node-module.nix { inherit buildGoModule go-lint; } {
  pname = name;
  tags = "life";
  flags = "-timeout 6h -run '${tests}'";
  nativeBuildInputs = [
    gptfdisk
    grub2
    qemu
    zstd
  ];
  env = {
    NODE_START = "${start-qemu}/bin/start-qemu";
    NODE_IMAGE = "${sdImage}/${sdImage.fileName}";
    NODE_FIRMWARE = "${u-boot-qemu}/u-boot.bin";
    NODE_REGISTRY = "${registry}/bin/registry";
    NODE_INSTALLERS = installers;
    # Time is counted in instructions: on a busy host Talos would take what is slow for dead.
    NODE_QEMU = "-icount shift=1,sleep=on -rtc clock=vm";
  };
  passthru = { inherit installers; };
}
