# SPDX-License-Identifier: MPL-2.0
# Fetches what nix/pins.nix and nix/debian/lock name. The same in both package sets: what only the Internet has is
# fetched when something asks for it, by the fetchers only nixpkgs has.
{
  lib,
  fetchurl,
  fetchFromGitHub ? throw "this source is on GitHub only: build with nixpkgs (nix build .#…), the embedded set cannot fetch it",
  fetchFromGitLab ? throw "this source is on Collabora's GitLab only: build with nixpkgs (nix build .#…), the embedded set cannot fetch it",
}:
let
  pins = import ./pins.nix;
  lock = import ./debian/lock.nix;
  collabora =
    repo: pin:
    fetchFromGitLab {
      domain = "gitlab.collabora.com";
      owner = "hardware-enablement/rockchip-3588";
      inherit repo;
      inherit (pin) rev hash;
    };
  # Upstream version of a Debian package file: between the first and the last separator.
  versionOf = name: builtins.head (builtins.match "[^_]*_([0-9.]+)[-+].*" lock.files.${name}.storeName);
in
rec {
  # debianFile NAME: a file of nix/debian/lock.
  debianFile =
    name:
    let
      f =
        lock.files.${name}
          or (throw "nix/debian/lock has no '${name}': name it in nix/debian/files and run nix/debian/update-lock");
    in
    fetchurl {
      name = f.storeName;
      inherit (f) url sha256;
    };

  # U-Boot's releases by their tags. The hash is the pin's, wherever the file comes from.
  u-boot = lib.mapAttrs (
    tag: pin:
    let
      debian = lock.files.${pin.debian};
    in
    {
      inherit tag;
      version = lib.removePrefix "v" tag;
      src = fetchurl (
        {
          inherit (pin) hash;
        }
        // (
          if pin ? debian then
            {
              name = debian.storeName;
              urls = [
                pin.url
                debian.url
              ];
            }
          else
            { inherit (pin) url; }
        )
      );
    }
  ) pins.u-boot;
  u-boot-collabora = u-boot."v2025.01" // {
    src = collabora "u-boot" pins.collabora-u-boot;
  };
  tfa = {
    inherit (pins.tfa) version;
    src = debianFile "arm-trusted-firmware:source";
  };
  # The trees with Rockchip's DDR blobs, by the blobs' versions.
  rkbin = lib.mapAttrs (
    _: pin:
    fetchFromGitHub {
      owner = "rockchip-linux";
      repo = "rkbin";
      inherit (pin) rev hash;
    }
  ) pins.rkbin;
  ddrBlobs = lib.mapAttrs (version: tree: "${tree}/${pins.rkbin.${version}.ddr}") rkbin;

  linux = {
    lts = {
      version = versionOf "linux-source-6.12";
      src = debianFile "linux-source-6.12";
    };
  }
  // lib.mapAttrs (name: pin: {
    version = name;
    src = collabora "linux" pin;
  }) pins.linux;
  # The source that a flavour's device trees are compiled with: its own, unless that is older than the labels they name.
  deviceTrees = lib.mapAttrs (
    flavour: _: linux.${pins.linux.${flavour}.deviceTreesOf or flavour}
  ) linux;

  # The newest that Debian has; no kernel is made of it, the device trees are checked against its bindings.
  linuxNewest = {
    version = versionOf "linux-source-7.3";
    src = debianFile "linux-source-7.3";
  };

  grubModules = map debianFile [
    "grub-efi-arm64-bin:arm64"
  ];
  systemdBoot = debianFile "systemd-boot-efi:arm64";
  qemu = {
    version = versionOf "qemu:source";
    src = debianFile "qemu:source";
  };
  ubootQemu = debianFile "u-boot-qemu";
  # The arm64 packages that FILE lists, by their names in the lock.
  packagesOf =
    file:
    let
      lines = lib.splitString "\n" (builtins.readFile file);
      name = line: builtins.head (builtins.match "([^# ]*).*" line);
      locked = package: if lock.files ? "${package}:arm64" then "${package}:arm64" else package;
    in
    map locked (lib.filter (package: package != "") (map name lines));
  nodePackageNames = packagesOf ./talos/initramfs/rootfs/packages;
  nodePackages = map debianFile nodePackageNames;
  # What the workloads check runs beside them.
  workloadPackages = map debianFile (packagesOf ./tests/workloads/packages);
}
