# SPDX-License-Identifier: MPL-2.0
# Options of lib.mkImage: what each means, its default, and `check`: null when a value is right, else what would be.
{ lib }:
let
  board = import ../board.nix;
  inherit (builtins)
    all
    attrNames
    elem
    isAttrs
    isInt
    isList
    isString
    match
    ;
  list = lib.concatStringsSep ", ";
  oneOf = values: value: if elem value values then null else "one of ${list values}";
  nullOr = check: value: if value == null then null else check value;
  isFile = value: builtins.isPath value || isString value || value ? outPath;

  talos = import ../talos/versions.nix;
  pins = import ../pins.nix;
  flavours = [ "lts" ] ++ attrNames pins.linux ++ [ "stock" ];
  # installer/options.go; nix/tests/flake/evaluate.sh compares.
  overlayOptions = [
    "allowStandIn"
    "bootDevice"
    "console"
    "dtb"
    "earlycon"
    "emmcBoot"
    "ethaddr"
    "extraKernelArgs"
    "spiBoot"
    "watchdog"
  ];
in
{
  system = {
    description = "what builds the image";
    default = "x86_64-linux";
    check = oneOf [
      "x86_64-linux"
      "aarch64-linux"
    ];
  };
  talosVersion = {
    description = "release of nix/talos/releases.json; null is Talos ${talos.fromSource} from source";
    inherit (talos) default;
    check =
      value:
      if value == null || elem value talos.pinned then
        null
      else
        "null or a pinned release: ${list talos.pinned} (in a clone, nix run .#pin -- vX.Y.Z adds one)";
  };
  kernel = {
    description = "kernel flavour; stock is Talos' own of the release (docs/kernels.md)";
    default = "collabora";
    check = oneOf flavours;
  };
  kernelConfig = {
    description = "a file of kernel options on top of ours, or null";
    default = null;
    check = nullOr (value: if isFile value then null else "a file of lines CONFIG_NAME=VALUE, or null");
  };
  moduleSigning = {
    description = "{ moduleKey, moduleCertificate }: your own PEM files instead of the published pair";
    default = { };
    check =
      value:
      if
        value == { }
        || (
          isAttrs value
          &&
            attrNames value == [
              "moduleCertificate"
              "moduleKey"
            ]
        )
      then
        null
      else
        "{ } or { moduleKey = FILE; moduleCertificate = FILE; }";
  };
  ddrBlob = {
    description = "rkbin's DDR blob by its version, or { blob, blobSha256 } of another";
    default = "v1.19";
    check =
      value:
      if
        (isString value && pins.rkbin ? ${value})
        || (
          isAttrs value
          &&
            attrNames value == [
              "blob"
              "blobSha256"
            ]
        )
      then
        null
      else
        "one of ${lib.concatStringsSep ", " (attrNames pins.rkbin)}, or { blob = FILE; blobSha256 = \"…\"; }";
  };
  uBoot = {
    description = "U-Boot's release (docs/board.md)";
    default = "v2025.01";
    check = oneOf (attrNames pins.u-boot);
  };
  profile = {
    description = "where the boot loader is: ${board.name} in the image itself (microSD, eMMC), ${board.name}-nvme elsewhere, ${board.name}-spi in SPI NOR";
    default = board.name;
    check = oneOf (
      map (file: board.name + lib.removePrefix "board" (lib.removeSuffix ".yaml" file)) (
        lib.filter (lib.hasSuffix ".yaml") (attrNames (builtins.readDir ../../profiles))
      )
    );
  };
  extraKernelArgs = {
    description = "kernel arguments to add; -NAME takes one away";
    default = [ ];
    check =
      value:
      if isList value && all (argument: isString argument && match "[^[:space:]]+" argument != null) value then
        null
      else
        "a list of arguments without spaces";
  };
  overlayOptions = {
    description = "options of the overlay's installer (docs/installer.md)";
    default = { };
    check =
      value:
      if isAttrs value && all (name: elem name overlayOptions) (attrNames value) then
        null
      else
        "a set of ${list overlayOptions}";
  };
  systemExtensions = {
    description = "{ ociPath } or { tarballPath } of each extension, pinned by hash (dockerTools.pullImage gives a tarball)";
    default = [ ];
    check =
      value:
      let
        right =
          extension:
          isAttrs extension
          && elem (attrNames extension) [
            [ "ociPath" ]
            [ "tarballPath" ]
          ];
      in
      if isList value && all right value then
        null
      else
        "a list of { ociPath = …; } or { tarballPath = …; } (an image reference has no hash: pull it by digest into a tarball)";
  };
  machineConfig = {
    description = "machine configuration to embed, a file without secrets (it lies in the store and on the disk); Talos 1.12 and later";
    default = null;
    check = nullOr (value: if isFile value then null else "null or a file");
  };
  meta = {
    description = "{ key, value } each, as in Image Factory's schematics; key 10 is the network configuration";
    default = [ ];
    check =
      value:
      let
        right =
          entry:
          isAttrs entry
          &&
            attrNames entry == [
              "key"
              "value"
            ]
          && isInt entry.key
          && entry.key > 0
          && entry.key < 256
          && isString entry.value;
      in
      if isList value && all right value then null else "a list of { key = 1…255; value = \"…\"; }";
  };
  diskFormat = {
    description = "compression of the image";
    default = "zst";
    check = oneOf [
      "zst"
      "xz"
    ];
  };
  diskSize = {
    description = "bytes of the image's disk, to which 1000 MiB come for BOOT from Talos 1.11 on; null is the least";
    default = null;
    check = nullOr (
      value:
      if isInt value && value >= 1306525696 && value / 512 * 512 == value then
        null
      else
        "null or a multiple of 512, 1306525696 or more"
    );
  };
}
