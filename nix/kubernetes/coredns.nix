# SPDX-License-Identifier: MPL-2.0
# CoreDNS from its Go module. Outputs: bin/coredns.
{
  lib,
  buildGoModule,
}:
import ../go-required.nix { inherit buildGoModule; } {
  pname = "coredns";
  version = "1.12.1";
  module = ./coredns;
  project = "github.com/coredns";
  packages = [ "coredns" ];
  meta.license = lib.licenses.asl20;
}
