# SPDX-License-Identifier: MPL-2.0
# The CNI plugins Talos carries, from their Go module. Outputs: bin/.
{
  lib,
  buildGoModule,
}:
import ../go-required.nix { inherit buildGoModule; } {
  pname = "cni-plugins";
  version = "1.6.2";
  module = ./cni;
  project = "github.com/containernetworking/plugins/plugins";
  packages = [
    "ipam/host-local"
    "main/bridge"
    "main/loopback"
    "meta/firewall"
    "meta/portmap"
  ];
  meta.license = lib.licenses.asl20;
}
