# SPDX-License-Identifier: MPL-2.0
# One official release of nix/talos/releases.nix: takes its `version` ("v1.14.0").
# Gives { version, initramfs, talosctl }: the arm64 initramfs as published, and the client for the build platform (a
# release whose talosctl is not pinned gets nixpkgs').
{
  lib,
  fetchurl,
  runCommand,
  stdenv,
  talosctl ? throw "talosctl of ${version} is not pinned in nix/talos/releases.nix: nix run .#pin -- ${version}",
  version,
}:
let
  table = import ./releases.nix;
  release =
    table.${version}
      or (throw "Talos ${toString version} is not in nix/talos/releases.nix, which has ${toString (builtins.attrNames table)}: add it with nix run .#pin -- ${toString version}");
  asset =
    name:
    fetchurl {
      name = "talos-${version}-${name}";
      url = "https://github.com/siderolabs/talos/releases/download/${version}/${name}";
      sha256 =
        release.${name}
          or (throw "${name} of Talos ${version} is not pinned in nix/talos/releases.nix: nix run .#pin -- ${version}");
    };
  client = "talosctl-linux-${stdenv.hostPlatform.go.GOARCH}";
in
{
  inherit version;
  inherit (release) standing;
  initramfs = asset "initramfs-arm64.xz";
  talosctl =
    if release ? ${client} then
      runCommand "talosctl-${version}" { meta.mainProgram = "talosctl"; } ''
        install -D -m 555 ${asset client} $out/bin/talosctl
      ''
    else
      talosctl;
}
