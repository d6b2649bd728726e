# SPDX-License-Identifier: MPL-2.0
# What went into an image, with version and hash: the part of manifest.json that is known before the build.
{
  lib,
  sources,
  packages,
  kernelFlavour,
}:
let
  pins = import ../pins.nix;
  lock = import ../debian/lock.nix;
  file = name: {
    file = builtins.baseNameOf lock.files.${name}.path;
    inherit (lock.files.${name}) sha256;
  };
  vendored = import ../vendor-hashes.nix;
  releases = import ./releases.nix;
  stock = kernelFlavour == "stock";
in
{
  board = (import ../board.nix).title;
  talos = {
    version = packages.talosVersion;
  }
  // (
    if packages.officialPayload then
      {
        payload = "official release${lib.optionalString (!stock) " with this kernel's modules"}";
        initramfs = releases.${packages.talosVersion}."initramfs-arm64.xz";
      }
    else
      {
        payload = "from source";
        goModules = vendored.talos;
      }
  );
  kernel = {
    flavour = kernelFlavour;
  }
  // (
    if stock then
      {
        version = "Talos ${packages.talosVersion}'s";
        sha256 = releases.${packages.talosVersion}."vmlinuz-arm64";
      }
    else
      { inherit (sources.linux.${kernelFlavour}) version; }
  )
  // lib.optionalAttrs (kernelFlavour == "lts") { source = file "linux-source-6.12"; };
  u-boot = {
    inherit (packages.u-boot.source) version;
    inherit (pins.u-boot.${packages.u-boot.source.tag}) hash;
  };
  tfa = {
    inherit (sources.tfa) version;
    source = file "arm-trusted-firmware:source";
  };
  ddrBlob =
    if packages.ddr-blob.standIn then
      null
    else if packages.ddr-blob.version != null then
      { inherit (pins.rkbin.${packages.ddr-blob.version}) rev hash ddr; }
    else
      { inherit (packages.ddr-blob) sha256; };
  imager = {
    inherit (packages.imager) version;
    goModules = vendored.imager;
  };
  containerd = {
    inherit (packages.containerd) version;
    goModules = vendored.containerd;
  };
  cniPlugins = {
    inherit (packages.cni) version;
    goModules = vendored.cni;
  };
  installer.goModules = vendored.root;
  grub = map file [ "grub-efi-arm64-bin:arm64" ];
  systemdBoot = file "systemd-boot-efi:arm64";
  nodePackages = map file sources.nodePackageNames;
}
