# SPDX-License-Identifier: MPL-2.0
# One official release of nix/talos/releases.json: takes its `version` ("v1.14.0").
# Outputs: { version, provenance, initramfs, kernel, talosctl, installerBase }: arm64 initramfs and kernel as published, the client for the build platform
# (a release whose talosctl is not pinned gets nixpkgs'), and what nix/talos/installer-image.nix takes as its base (null for
# a release whose base is not pinned).
{
  lib,
  fetchurl,
  runCommand,
  stdenv,
  dockerTools ? throw "Talos' installer base is pulled with nixpkgs' dockerTools, which the embedded set does not have",
  talosctl ? throw "talosctl of ${version} is not pinned in nix/talos/releases.json: nix run .#pin -- ${version}",
  version,
}:
let
  table = import ./releases.nix;
  release =
    table.${version}
      or (throw "Talos ${toString version} is not in nix/talos/releases.json, which has ${toString (builtins.attrNames table)}: add it with nix run .#pin -- ${toString version}");
  asset =
    name:
    fetchurl {
      name = "talos-${version}-${name}";
      url = "https://github.com/siderolabs/talos/releases/download/${version}/${name}";
      sha256 =
        release.${name}
          or (throw "${name} of Talos ${version} is not pinned in nix/talos/releases.json: nix run .#pin -- ${version}");
    };
  base = release.installerBase;
  client = "talosctl-linux-${stdenv.hostPlatform.go.GOARCH}";
in
{
  inherit version;
  inherit (release) provenance;
  initramfs = asset "initramfs-arm64.xz";
  kernel = asset "vmlinuz-arm64";
  talosctl =
    if release ? ${client} then
      runCommand "talosctl-${version}" { meta.mainProgram = "talosctl"; } ''
        install -D -m 555 ${asset client} $out/bin/talosctl
      ''
    else
      talosctl;
  installerBase =
    if release ? installerBase then
      {
        tarballPath = dockerTools.pullImage {
          imageName = "ghcr.io/siderolabs/installer-base";
          inherit (base) imageDigest sha256;
          os = "linux";
          arch = "arm64";
          # Name and tag are in the archive, and so in its hash: as `pin` had them.
          finalImageTag = version;
        };
      }
    else
      null;
}
