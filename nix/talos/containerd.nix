# SPDX-License-Identifier: MPL-2.0
# containerd from its Go module: Debian 13's 1.7 cannot read Talos' configuration (version 3).
{
  lib,
  buildGoModule,
}:
buildGoModule rec {
  pname = "containerd";
  version = "2.0.5";
  src = ./containerd;
  vendorHash = (import ../vendor-hashes.nix).containerd;
  subPackages = [
    "vendor/github.com/containerd/containerd/v2/cmd/containerd"
    "vendor/github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"
  ];
  tags = [
    "no_btrfs"
    "no_devmapper"
    "no_aufs"
    "no_zfs"
  ];
  env.CGO_ENABLED = 0;
  ldflags = [
    "-s"
    "-w"
    "-X github.com/containerd/containerd/v2/version.Version=v${version}"
  ];
  doCheck = false;
  meta.license = lib.licenses.asl20;
}
