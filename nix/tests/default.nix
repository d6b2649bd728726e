# SPDX-License-Identifier: MPL-2.0
# Every check, one file a promise. A check that fails fails its build.
# Takes the package sets and `packages` (default.nix).
{
  pkgs,
  arm64,
  lib,
  sources,
  packages,
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
  lint = pkgs.callPackage ./lint.nix { };
  device-tree = pkgs.callPackage ./device-tree.nix {
    dtSources = packages.dt-sources;
    inherit (packages) u-boot;
  };
  kernel-config = pkgs.callPackage ./kernel-config.nix {
    source = sources.linux.lts;
    inherit (packages) kernel dtb kernel-check;
  };
  scripts = pkgs.callPackage ./scripts.nix { };
  sd-image = pkgs.callPackage ./sd-image.nix { inherit (packages) sdImage; };
  flake = pkgs.callPackage ./flake.nix { };
  payload = pkgs.callPackage ./payload.nix { };
  pin = pkgs.callPackage ./pin.nix { };
  overlay-push = pkgs.callPackage ./overlay-push.nix {
    inherit (packages)
      sources
      imager
      imagerTools
      oci-image
      overlay
      sdImage
      ;
    registry = pkgs.callPackage ../go.nix {
      package = "internal/oci/registry";
      internal = [ "oci" ];
    };
  };
  installer-image = pkgs.callPackage ./installer-image.nix {
    inherit (packages) oci-image;
    makeImage = packages.installerImageOn;
  };
  image-options = pkgs.callPackage ./image-options.nix { inherit (packages) sdImage; };
  payload-from-source = pkgs.callPackage ./payload-from-source.nix {
    initramfs = packages.initramfs-from-source;
    rebuilt = pkgs.callPackage ../talos/payload-official.nix {
      version = "from-source";
      initramfs = packages.initramfs-from-source;
      inherit (packages) kernel;
    };
  };
  boot-virtio = boot "virtio";
  boot-nvme = boot "nvme";
  boot-sd = boot "sd";
  boot-usb = boot "usb";
}
