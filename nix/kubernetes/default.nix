# SPDX-License-Identifier: MPL-2.0
# Kubernetes and what a Talos node with its default network runs of it, from Go modules.
# Arguments: `pkgs` (what runs here), `arm64` (what runs on the node), `sources`, `oci-image`, `node-root`, and this
# repository's programs `pause` and `web`. Outputs: the programs; `images`, by their names in a registry; and
# `image-list`, a file with a line REPOSITORY:TAG=LAYOUT for each, as nix/tests/programs/registry takes them.
{
  pkgs,
  arm64,
  sources,
  oci-image,
  node-root,
  pause,
  web,
}:
rec {
  kubernetes = arm64.callPackage ./kubernetes.nix {
    programs = [
      "kube-apiserver"
      "kube-controller-manager"
      "kube-proxy"
      "kube-scheduler"
      "kubelet"
    ];
  };
  # For who looks at the cluster.
  kubectl = pkgs.callPackage ./kubernetes.nix { programs = [ "kubectl" ]; };
  etcd = arm64.callPackage ./etcd.nix { };
  coredns = arm64.callPackage ./coredns.nix { };
  flannel = arm64.callPackage ./flannel.nix { };
  images = import ./images.nix {
    inherit (pkgs) lib callPackage;
    inherit
      oci-image
      node-root
      sources
      kubernetes
      etcd
      coredns
      flannel
      pause
      web
      ;
  };
  image-list =
    pkgs.runCommand "images"
      {
        list = pkgs.lib.mapAttrsToList (name: image: "${name}=${image}") images;
      }
      ''
        printf '%s\n' $list >$out
      '';
}
