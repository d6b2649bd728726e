# SPDX-License-Identifier: MPL-2.0
# The package tree, from a package set: nixpkgs', or the embedded one when none is given.
{
  pkgs ? import ./nix/debian { },
  # Rockchip's DDR blob: a file and its sha256, or neither (then the image says that it starts no board).
  ddrBlob ? { },
  # A flavour of nix/sources.nix.
  kernelFlavour ? "lts",
  # { moduleKey, moduleCertificate }: your own instead of the published pair.
  moduleSigning ? { },
}:
let
  inherit (pkgs) lib;
  arm64 = pkgs.pkgsCross.aarch64-multiplatform;
  sources = pkgs.callPackage ./nix/sources.nix { };
  program = set: package: set.callPackage ./nix/go.nix { inherit package; };
in
lib.fix (self: {
  # Each Go module's dependencies; goModules is all of them.
  vendored = {
    root = self.oci-image.goModules;
    imager = self.imager.goModules;
    source = self.machined.goModules;
    containerd = self.containerd.goModules;
    cni = self.cni.goModules;
  };
  goModules = builtins.attrValues self.vendored;

  # Boot chain
  tfa = arm64.callPackage ./nix/boot/tfa.nix { inherit sources; };
  ddr-blob = pkgs.callPackage ./nix/boot/ddr-blob.nix ddrBlob;
  u-boot = arm64.callPackage ./nix/boot/u-boot.nix {
    source = sources.u-boot;
    inherit (self) tfa;
    ddrBlob = self.ddr-blob;
  };

  # Kernel
  kernels = lib.mapAttrs (
    flavour: source: arm64.callPackage ./nix/kernel/linux.nix { inherit flavour source; }
  ) sources.linux;
  kernel = arm64.callPackage ./nix/kernel/signed.nix (
    { kernel = self.kernels.${kernelFlavour}; } // moduleSigning
  );
  dt-sources = pkgs.callPackage ./nix/kernel/dt-sources.nix { source = sources.linux.${kernelFlavour}; };
  dtb = arm64.callPackage ./nix/kernel/dtb.nix { dtSources = self.dt-sources; };

  # This repository's programs
  installer = {
    amd64 = program pkgs "installer";
    arm64 = program arm64 "installer";
  };
  oci-image = program pkgs "cmd/oci-image";

  # Talos
  imager = pkgs.callPackage ./nix/talos/imager.nix { };
  talosctl = pkgs.callPackage ./nix/talos/source.nix { packages = [ "cmd/talosctl" ]; };
  machined = arm64.callPackage ./nix/talos/source.nix {
    packages = [
      "internal/app/machined"
      "internal/app/init"
    ];
  };
  containerd = arm64.callPackage ./nix/talos/containerd.nix { };
  cni = arm64.callPackage ./nix/talos/cni.nix { };
  initramfs = pkgs.callPackage ./nix/talos/initramfs.nix {
    inherit sources;
    inherit (self)
      machined
      containerd
      cni
      kernel
      ;
  };
  overlay = pkgs.callPackage ./nix/talos/overlay.nix {
    inherit (self)
      oci-image
      installer
      u-boot
      dtb
      ;
    annotations = {
      "org.opencontainers.image.title" = "nanopi-m6";
      "org.opencontainers.image.licenses" = "MPL-2.0 AND GPL-2.0-or-later";
    };
  };
  imagerTools = pkgs.callPackage ./nix/talos/imager-tools.nix { inherit sources; };
  sdImage = pkgs.callPackage ./nix/talos/sd-image.nix {
    inherit sources;
    inherit (self)
      imager
      imagerTools
      kernel
      initramfs
      overlay
      ;
    talosVersion = "v${self.machined.version}";
    overlayOptions = lib.optionalAttrs self.ddr-blob.standIn { allowStandIn = true; };
    manifest = { };
  };
})
