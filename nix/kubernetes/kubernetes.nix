# SPDX-License-Identifier: MPL-2.0
# Kubernetes' programs from its Go module, for the set's host platform. Arguments: `programs` (below cmd/). Outputs: bin/.
{
  lib,
  buildGoModule,
  programs,
}:
import ../go-required.nix { inherit buildGoModule; } rec {
  # One name for all of them: they share the fetched modules.
  pname = "kubernetes";
  version = "1.33.5";
  module = ./kubernetes;
  project = "k8s.io/kubernetes";
  packages = map (name: "cmd/${name}") programs;
  ldflags = [ "-X k8s.io/component-base/version.gitVersion=v${version}" ];
  meta.license = lib.licenses.asl20;
}
