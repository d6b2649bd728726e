# SPDX-License-Identifier: MPL-2.0
# A node's life after its first boot (nix/tests/programs/node). By its `name`, which is what to call nix/debian/build with:
#   life            installation onto another disk, upgrade, rollback, reset (life_test.go)
#   life-upgrades   upgrades that do not get through, and how a person with a serial cable brings the old version back (upgrade_test.go)
#   life-hangs      upgrades to versions that hang, and how a person without one does (hang_test.go)
#   life-card       installation from a USB disk onto a card, boot loader included (loader_test.go)
#   life-two-disks  what a node takes from which of two disks with Talos (twodisks_test.go)
#   power-cuts      power cuts in an upgrade (powercut_test.go)
# They take many boots, so none is among the checks. Outputs: log.
{
  lib,
  runCommand,
  buildGoModule,
  go-lint,
  cpio,
  gptfdisk,
  grub2,
  qemu,
  zstd,
  imagerTools,
  sdImage,
  installerImage,
  overlay,
  u-boot,
  ddr-blob,
  pause,
  registry,
  start-qemu,
  u-boot-qemu,
  name ? "life",
}:
let
  # What the parts have in common, and Kubernetes (kubernetes.nix) with them. It is linted as a whole, so a function that one
  # of them alone calls is not unused.
  files = [
    "disk_test.go"
    "life_test.go"
    "node_test.go"
    "powercut_test.go"
    "registry_test.go"
    "upgrade_test.go"
  ];
  parts = {
    life = {
      tests = "TestANodesWholeLife";
      versions = [
        "one"
        "two"
      ];
    };
    life-upgrades = {
      tests = "TestANodeOutlives";
      versions = [
        "two"
        "panics"
      ];
    };
    life-hangs = {
      tests = "TestAPersonBringsBack";
      versions = [
        "waits"
        "hangs"
      ];
      files = [
        "card_test.go"
        "hang_test.go"
      ];
    };
    life-card = {
      tests = "TestANodeIsInstalledOntoACard";
      versions = [ "card" ];
      files = [
        "card_test.go"
        "loader_test.go"
      ];
      env.NODE_LOADER = "${loader}/${(import ../board.nix).loader.mmc.file}";
    };
    life-two-disks = {
      tests = "TestOfTwoDisks";
      versions = [ "two" ];
      files = [
        "card_test.go"
        "twodisks_test.go"
      ];
    };
    power-cuts = {
      tests = "TestPowerCuts|TestALogOfWrites";
      versions = [
        "one"
        "two"
      ];
    };
  };
  part = parts.${name};

  # What no kernel gets past: no init in the initramfs and none elsewhere.
  nowhere = [
    "rdinit=/nowhere"
    "root=/dev/nowhere"
  ];
  # An init that says nothing and never ends.
  hanging =
    runCommand "initramfs-hangs.zst"
      {
        nativeBuildInputs = [
          cpio
          zstd
        ];
      }
      ''
        cp ${pause}/bin/pause init
        echo init | cpio --quiet -o -H newc --reproducible -R 0:0 | zstd -q -T1 >$out
      '';
  # What no board starts with, but the overlay's installer writes: it knows the stand-in for the DDR blob alone.
  loader =
    let
      text = lib.concatLines (builtins.genList (_: "A test's, in the DDR blob's place.") 64);
    in
    u-boot.override {
      ddrBlob = ddr-blob.override {
        blob = builtins.toFile "ddr-blob-of-a-test.bin" text;
        blobSha256 = builtins.hashString "sha256" text;
        version = null;
      };
    };
  # What each version has of its own: an `initramfs`, an `overlay`, and the kernel's `arguments` beside the one that tells it.
  versions = {
    one = { };
    two = { };
    panics.arguments = nowhere;
    waits.arguments = nowhere ++ [ "rootwait" ];
    hangs.initramfs = hanging;
    card.overlay = overlay.override { u-boot = loader; };
  };
  # installer VERSION: its installer image.
  installer =
    version:
    let
      own = versions.${version};
    in
    installerImage.override {
      sdImage = sdImage.override (
        {
          overlayOptions = sdImage.profile.overlay.options // {
            extraKernelArgs = [ "life=${version}" ] ++ own.arguments or [ ];
          };
        }
        // removeAttrs own [ "arguments" ]
      );
    };
  installers = runCommand "installers" { } ''
    mkdir $out
    ${lib.concatMapStringsSep "\n" (
      version: "ln -s ${installer version}/installer-arm64.tar $out/${version}.tar"
    ) part.versions}
  '';
in
import ./node-module.nix { inherit lib buildGoModule go-lint sdImage start-qemu; } {
  pname = name;
  tags = "life";
  files = files ++ part.files or [ ];
  flags = "-timeout 6h -run '${part.tests}'";
  # The imager's mkfs.xfs finds its option files.
  nativeBuildInputs = [
    imagerTools
    gptfdisk
    grub2
    qemu
    zstd
  ]
  ++ imagerTools.runtimeInputs;
  env = {
    NODE_FIRMWARE = "${u-boot-qemu}/u-boot.bin";
    NODE_REGISTRY = "${registry}/bin/registry";
    NODE_INSTALLERS = installers;
    # Time is counted in instructions: on a busy host Talos would take what is slow for dead.
    NODE_QEMU = "-icount shift=1,sleep=on -rtc clock=vm";
  }
  // part.env or { };
  passthru = { inherit files installers; };
}
