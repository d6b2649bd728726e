# SPDX-License-Identifier: MPL-2.0
# What overlay and image are made of, for SBOM and provenance: { overlay, image }, each with
#   components  { name, version, license (SPDX), url, hash (SHA-256, hexadecimal or SRI), tree (it is Nix' of a tree), purl }
#   programs    the same of Go programs, with `binaries`, and `vendor` and `sums` of the module they are built from
#   debs        names in nix/debian/lock
# Arguments: `packages` (default.nix), `kernelFlavour` (as there), `sourceFlavour` (whose device trees ours includes) and
# `published` ({ revision } or nothing).
{
  lib,
  packages,
  sources,
  kernelFlavour,
  sourceFlavour,
  published,
}:
let
  pins = import ../pins.nix;
  lock = import ../debian/lock.nix;
  revision = published.revision or "0";
  locked = name: {
    inherit (lock.files.${name}) url;
    hash = lock.files.${name}.sha256;
  };
  git = url: pin: {
    url = "git+${url}@${pin.rev}";
    inherit (pin) hash;
    tree = true;
  };
  linuxSource =
    flavour:
    if flavour == "lts" then
      locked "linux-source-6.12"
    else
      git "https://gitlab.collabora.com/hardware-enablement/rockchip-3588/linux" pins.linux.${flavour};
  asset = name: {
    url = "https://github.com/siderolabs/talos/releases/download/${packages.talosVersion}/${name}";
    hash = (import ./releases.nix).${packages.talosVersion}.${name};
  };
  # program NAME PACKAGE MODULE LICENSE BINARIES: PACKAGE is built from the module in the directory MODULE.
  program = name: package: module: license: binaries: {
    inherit name license binaries;
    inherit (package) version;
    vendor = "${package.goModules}";
    sums = "${module + "/go.sum"}";
  };
  # required NAME PACKAGE MODULE LICENSE PROJECT: PACKAGE is PROJECT, a module that MODULE requires: the proxy is its
  # source, and go.sum has its hash.
  required =
    name: package: module: license: project:
    let
      id = "${project} v${package.version}";
      sum = lib.filter (line: lib.take 2 (lib.splitString " " line) == lib.splitString " " id) (
        lib.splitString "\n" (builtins.readFile (module + "/go.sum"))
      );
    in
    program name package module license [ "${package}/bin" ]
    // {
      purl = "pkg:golang/${project}@v${package.version}";
      comment = "go.sum: ${lib.last (lib.splitString " " (builtins.head sum))}";
    };
  own =
    name: package: binaries:
    program name package ../.. "MPL-2.0" binaries // { version = revision; };

  overlay = {
    components = [
      {
        name = "u-boot";
        inherit (packages.u-boot.source) version;
        license = "GPL-2.0-or-later";
        inherit (pins.u-boot.${packages.u-boot.source.tag}) url hash;
      }
      (
        {
          name = "trusted-firmware-a";
          inherit (sources.tfa) version;
          license = "BSD-3-Clause";
        }
        // locked "arm-trusted-firmware:source"
      )
      (
        {
          name = "linux-device-trees";
          inherit (sources.linux.${sourceFlavour}) version;
          license = "GPL-2.0-or-later OR MIT";
          comment = "rk3588s.dtsi and what it includes";
        }
        // linuxSource sourceFlavour
      )
      {
        name = "${(import ../board.nix).name}-device-trees";
        version = revision;
        license = "GPL-2.0-or-later OR MIT";
      }
    ]
    ++ lib.optional (!packages.ddr-blob.standIn) (
      {
        name = "rockchip-ddr-blob";
        comment = "closed source, redistributable: LICENSE of rkbin";
      }
      // (
        if packages.ddr-blob.version != null then
          git "https://github.com/rockchip-linux/rkbin" pins.rkbin.${packages.ddr-blob.version}
          // { version = baseNameOf pins.rkbin.${packages.ddr-blob.version}.ddr; }
        else
          {
            version = "handed in";
            hash = packages.ddr-blob.sha256;
          }
      )
    );
    programs = [
      (own "overlay-installer" packages.installer.arm64 [
        "${packages.installer.amd64}/bin"
        "${packages.installer.arm64}/bin"
      ])
    ];
    debs = [ ];
  };

  kernel =
    if kernelFlavour == "stock" then
      asset "vmlinuz-arm64" // { version = "of Talos ${packages.talosVersion}"; }
    else
      linuxSource kernelFlavour // { inherit (sources.linux.${kernelFlavour}) version; };
  payload =
    if packages.officialPayload then
      {
        components = [
          (
            {
              name = "talos-initramfs";
              version = packages.talosVersion;
              license = "MPL-2.0";
              comment = "the release's own; what is in it, its own SBOM says";
            }
            // asset "initramfs-arm64.xz"
          )
        ];
        programs = [ ];
        debs = [ ];
      }
    else
      {
        components = [ ];
        programs = [
          (required "talos" packages.machined ./talos "MPL-2.0" "github.com/siderolabs/talos")
          (required "containerd" packages.containerd ./containerd "Apache-2.0" "github.com/containerd/containerd/v2")
          (required "cni-plugins" packages.cni ./cni "Apache-2.0" "github.com/containernetworking/plugins")
          (own "flannel" packages.flannel [ "${packages.flannel}/bin" ])
        ];
        debs = sources.nodePackageNames;
      };
in
{
  inherit overlay;
  image = {
    components =
      overlay.components
      ++ [
        (
          {
            name = "linux";
            license = "GPL-2.0-only WITH Linux-syscall-note";
          }
          // kernel
        )
      ]
      ++ payload.components;
    programs = overlay.programs ++ payload.programs;
    debs = [
      "grub-efi-arm64-bin:arm64"
      "systemd-boot-efi:arm64"
    ]
    ++ payload.debs;
  };
}
