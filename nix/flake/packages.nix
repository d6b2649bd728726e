# SPDX-License-Identifier: MPL-2.0
# Names people build. `installer` and `m6` are this system's own; the overlay has both installers.
{
  lib,
  pkgs,
  project,
  self,
  system,
  ...
}:
let
  default = project pkgs { };
  inherit (default) sources;
  inherit (import ../talos/versions.nix) newest;
  published.version = import ./version.nix { inherit lib self; };
in
{
  inherit (project pkgs { inherit published; }) m6 m6-release;
  default = default.sdImage;
  inherit (default)
    board-boot
    board-linux
    board-node
    dtb
    imager
    installerImage
    kernelImage
    overlay
    overlay-sbom
    provenance
    sbom
    sdImage
    talosctl
    tfa
    ;
  rkbin = sources.rkbin."v1.19";
  installer = default.installer.${pkgs.stdenv.hostPlatform.go.GOARCH};
  kernel = default.kernel;
  uboot = default.u-boot;
  uboot-collabora = default.u-boot.override { source = sources.u-boot-collabora; };
  uboot-2026_07 = (project pkgs { uBoot = "v2026.07"; }).u-boot;
  # With the kernel this project boots in its checks, and with Talos from source.
  sdImage-lts = (project pkgs { kernelFlavour = "lts"; }).sdImage;
  sdImage-from-source = (project pkgs { talosVersion = null; }).sdImage;
  # A node's whole life in QEMU, and Kubernetes on one, take too long for a check; Hydra has them as jobs.
  inherit (project pkgs { talosVersion = null; })
    kubernetes
    kubernetes-worker
    life
    life-upgrades
    life-hangs
    life-card
    life-two-disks
    power-cuts
    ;
}
// lib.optionalAttrs (newest != null) {
  # The newest official release, of whichever line.
  sdImage-official = (project pkgs { talosVersion = newest; }).sdImage;
}
// lib.mapAttrs' (
  flavour: _:
  lib.nameValuePair "kernel-${flavour}" (project pkgs { kernelFlavour = flavour; }).kernel
) sources.linux
