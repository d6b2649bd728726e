# SPDX-License-Identifier: MPL-2.0
# Every check, one file a promise. A check that fails fails its build.
# Arguments: the package sets, `packages` (default.nix) and `again`: the same packages built anew, or null.
{
  pkgs,
  arm64,
  lib,
  sources,
  packages,
  again,
}:
let
  bootOf =
    disk: sdImage:
    pkgs.callPackage ./boot.nix {
      inherit disk sdImage;
      inherit (packages) boot-test u-boot-qemu installer;
    };
  boot = disk: bootOf disk packages.sdImage;
  executor =
    release:
    pkgs.callPackage ./executor.nix {
      inherit release;
      inherit (packages) go-lint;
      installer = packages.installer.amd64;
      artifacts = pkgs.callPackage ../go.nix {
        package = "nix/tests/programs/overlay-artifacts";
        internal = [
          "board"
          "fdt"
          "fixture/rockchiploader"
          "rockchip"
        ];
      };
    };
in
{
  go = pkgs.callPackage ./go.nix { inherit (packages) u-boot; };
  lint = pkgs.callPackage ./lint.nix { inherit (packages) go-lint; };
  device-tree = pkgs.callPackage ./device-tree.nix {
    dtSources = [
      packages.dt-sources
      (packages.dt-sources.override { source = sources.linuxNewest; })
    ];
    inherit (packages) u-boot;
  };
  kernel-config = pkgs.callPackage ./kernel-config.nix {
    source = sources.linux.lts;
    configuration = packages.kernelConfigurations.lts;
    inherit (packages) dtb kernel-check;
  };
  kernel-options = arm64.callPackage ./kernel-options.nix {
    configuration = packages.kernelConfigurations.lts;
  };
  workloads = pkgs.callPackage ./workloads.nix {
    inherit (packages) kernel;
    inherit (sources) nodePackages workloadPackages;
    workloads = arm64.callPackage ../go.nix { package = "nix/tests/programs/workloads"; };
  };
  scripts = pkgs.callPackage ./scripts.nix { };
  sd-image = pkgs.callPackage ./sd-image.nix { inherit (packages) grub sdImage; };
  flake = pkgs.callPackage ./flake.nix { };
  build-arguments = pkgs.callPackage ./build-arguments.nix { };
  nixpkgs-strict = pkgs.callPackage ./nixpkgs-strict.nix {
    inherit arm64 sources;
    inherit (packages) tfa u-boot;
    kernel = packages.kernels.lts;
  };
  pin = pkgs.callPackage ./pin.nix { inherit (packages) pin; };
  overlay-push = pkgs.callPackage ./overlay-push.nix {
    inherit (packages)
      go-lint
      imager
      imagerTools
      oci-image
      overlay
      sdImage
      ;
    inherit (packages) registry;
  };
  executor-1-10 = executor "v1.10";
  executor-1-13 = executor "v1.13";
  board-loader = pkgs.callPackage ./board-loader.nix {
    inherit (packages) grub qemu-nanopi-m6 u-boot;
  };
  boot-flow = pkgs.callPackage ./boot-flow.nix {
    dtSources = packages.dt-sources;
    inherit (packages) dtb u-boot-qemu;
  };
  installer-image = pkgs.callPackage ./installer-image.nix {
    inherit (packages) oci-image;
    makeImage = packages.installerImageOn;
  };
  imager-versions = pkgs.callPackage ./imager-versions.nix {
    inherit (packages) sdImage;
    boot = bootOf "virtio";
  };
  sbom = pkgs.callPackage ./sbom.nix {
    inherit (packages) sbom overlay-sbom supply-chain;
    inherit (packages.ddr-blob) standIn;
    debs = packages.components.image.debs;
  };
  m6-release = pkgs.callPackage ./m6-release.nix { inherit (packages) m6-release; };
  signature = pkgs.callPackage ./signature.nix { inherit (packages) m6 sdImage; };
  provenance = pkgs.callPackage ./provenance.nix {
    inherit (packages)
      provenance
      supply-chain
      sdImage
      sbom
      overlay-sbom
      ;
  };
  kernel-stock = pkgs.callPackage ./kernel-stock.nix { inherit (packages) dtb sdImage; };
  image-options = pkgs.callPackage ./image-options.nix { inherit (packages) sdImage; };
  payload-from-source = pkgs.callPackage ./payload-from-source.nix {
    initramfs = packages.initramfs-from-source;
    rebuilt = pkgs.callPackage ../talos/initramfs/official.nix {
      version = "from-source";
      initramfs = packages.initramfs-from-source;
      inherit (packages) initramfs-modules kernel;
    };
  };
  two-disks = pkgs.callPackage ./two-disks.nix { inherit (packages) grub imagerTools u-boot-qemu; };
  node = pkgs.callPackage ./node.nix {
    inherit (packages)
      go-lint
      sdImage
      start-qemu
      u-boot-qemu
      ;
  };
  boot-virtio = boot "virtio";
  boot-nvme = boot "nvme";
  boot-sd = boot "sd";
  boot-usb = boot "usb";
}
# Where Wine is.
// lib.optionalAttrs (pkgs.stdenv.hostPlatform.system == "x86_64-linux") {
  windows = pkgs.callPackage ./windows.nix { inherit (packages) m6 m6-release sdImage; };
}
// lib.optionalAttrs (again != null) {
  # What no compiler makes, and the signatures; the programs' turn is default.nix' reproducible-programs.
  reproducible =
    let
      compared = set: {
        inherit (set)
          kernel
          dtb
          initramfs
          overlay
          sdImage
          ;
      }
      // lib.optionalAttrs (!(set.installerImage.unpinned or false)) { inherit (set) installerImage; };
    in
    pkgs.callPackage ./reproducible.nix {
      first = compared packages;
      second = compared again;
    };
}
