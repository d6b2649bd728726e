# SPDX-License-Identifier: MPL-2.0
# The CNI plugins Talos carries, from their Go module. Gives bin/.
{
  lib,
  buildGoModule,
}:
buildGoModule {
  pname = "cni-plugins";
  version = "1.6.2";
  src = ./cni;
  vendorHash = (import ../vendor-hashes.nix).cni;
  subPackages = map (plugin: "vendor/github.com/containernetworking/plugins/plugins/${plugin}") [
    "ipam/host-local"
    "main/bridge"
    "main/loopback"
    "meta/firewall"
    "meta/portmap"
  ];
  env.CGO_ENABLED = 0;
  ldflags = [
    "-s"
    "-w"
  ];
  doCheck = false;
  meta.license = lib.licenses.asl20;
}
