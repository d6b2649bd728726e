# SPDX-License-Identifier: MPL-2.0
# etcd from its Go module. Outputs: bin/etcd.
{
  lib,
  buildGoModule,
}:
import ../go-required.nix { inherit buildGoModule; } {
  pname = "etcd";
  version = "3.5.21";
  module = ./etcd;
  project = "go.etcd.io/etcd/server";
  packages = [ "v3" ];
  # Go names the program after the module's directory.
  postInstall = "mv $out/bin/server $out/bin/etcd";
  meta.license = lib.licenses.asl20;
}
