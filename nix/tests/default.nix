# SPDX-License-Identifier: MPL-2.0
# Every check, one file a promise. A check that fails fails its build.
# Takes the package sets, `packages` (default.nix) and `again`, the same tree built anew, or null.
{
  pkgs,
  arm64,
  lib,
  sources,
  packages,
  again,
}:
let
  boot =
    disk:
    pkgs.callPackage ./boot.nix {
      inherit disk;
      inherit (packages)
        sdImage
        boot-test
        u-boot-qemu
        installer
        ;
    };
in
{
  go = pkgs.callPackage ./go.nix { };
  scripts = pkgs.callPackage ./scripts.nix { };
  sd-image = pkgs.callPackage ./sd-image.nix { inherit (packages) sdImage; };
  boot-virtio = boot "virtio";
  boot-nvme = boot "nvme";
  boot-sd = boot "sd";
  boot-usb = boot "usb";
}
// lib.optionalAttrs (again != null) {
  reproducible = pkgs.callPackage ./reproducible.nix { inherit packages again; };
}
