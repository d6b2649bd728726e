# SPDX-License-Identifier: MPL-2.0
# containerd from its Go module: Debian 13's 1.7 cannot read Talos' configuration (version 3).
{
  lib,
  buildGoModule,
}:
import ../go-required.nix { inherit buildGoModule; } rec {
  pname = "containerd";
  version = "2.0.5";
  module = ./containerd;
  project = "github.com/containerd/containerd/v2";
  packages = [
    "cmd/containerd"
    "cmd/containerd-shim-runc-v2"
  ];
  tags = [
    "no_btrfs"
    "no_devmapper"
    "no_aufs"
    "no_zfs"
  ];
  ldflags = [ "-X ${project}/version.Version=v${version}" ];
  meta.license = lib.licenses.asl20;
}
