# SPDX-License-Identifier: MPL-2.0
# flannel's daemon from its Go module. Outputs: bin/flanneld.
{
  lib,
  buildGoModule,
}:
import ../go-required.nix { inherit buildGoModule; } {
  pname = "flanneld";
  version = "0.26.7";
  module = ./flannel;
  project = "github.com/flannel-io";
  packages = [ "flannel" ];
  postInstall = "mv $out/bin/flannel $out/bin/flanneld";
  meta.license = lib.licenses.asl20;
}
