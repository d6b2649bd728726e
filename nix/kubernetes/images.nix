# SPDX-License-Identifier: MPL-2.0
# What a Talos node with its default network pulls, from source: by their names in a registry.
# Images for a test: they have what a node calls of the official ones' tools, no more.
{
  lib,
  callPackage,
  oci-image,
  node-root,
  sources,
  # The programs, for arm64: bin/…
  kubernetes,
  etcd,
  coredns,
  flannel,
  pause,
  web,
}:
let
  image =
    name: arguments:
    callPackage ./image.nix (
      {
        name = builtins.replaceStrings [ "/" ":" ] [ "-" "-" ] name;
        inherit oci-image node-root sources;
      }
      // arguments
    );
  ofKubernetes = name: more: {
    "${name}:v${kubernetes.version}" = more // {
      files = {
        "usr/local/bin/${baseNameOf name}" = "${kubernetes}/bin/${baseNameOf name}";
      }
      // more.files or { };
    };
  };
  # nft, and what it loads.
  nft = {
    programs = [ "usr/sbin/nft" ];
    packages = [
      "libbsd0"
      "libc6"
      "libedit2"
      "libgmp10"
      "libjansson4"
      "libmd0"
      "libmnl0"
      "libnftables1"
      "libnftnl11"
      "libtinfo6"
      "libxtables12"
      "nftables"
    ];
  };
  # By the names in it nft tells what kube-proxy added; told by numbers kube-proxy takes its own rules for foreign ones and
  # deletes them.
  protocols."etc/protocols" = builtins.toFile "protocols" "tcp 6 TCP\nudp 17 UDP\nsctp 132 SCTP\n";
  # iptables on nftables, and what it loads.
  iptables = {
    programs = [ "usr/sbin/xtables-nft-multi" ];
    packages = [
      "iptables"
      "libc6"
      "libmnl0"
      "libnetfilter-conntrack3"
      "libnfnetlink0"
      "libnftnl11"
      "libxtables12"
    ];
    links = lib.genAttrs (lib.concatMap
      (name: [
        "usr/sbin/${name}"
        "usr/sbin/${name}-restore"
        "usr/sbin/${name}-save"
      ])
      [
        "ip6tables"
        "iptables"
      ]
    ) (_: "xtables-nft-multi");
  };
  # applets NAMES: of busybox, as links.
  applets = names: lib.genAttrs (map (name: "usr/bin/${name}") names) (_: "busybox");
in
lib.mapAttrs image (
  ofKubernetes "kube-apiserver" { }
  // ofKubernetes "kube-controller-manager" { }
  // ofKubernetes "kube-scheduler" { }
  // ofKubernetes "kube-proxy" (nft // { files = protocols; })
  // ofKubernetes "siderolabs/kubelet" {
    packages = [ "busybox-static" ];
    programs = [ "usr/bin/busybox" ];
    # Talos mounts the node's /run at /var/run, and has the kubelet look for containerd below /run.
    links =
      applets [
        "mount"
        "umount"
      ]
      // {
        "var/run" = "../run";
      };
    mounted = [ "run" ];
    # The kubelet looks its own user up, and does not start where there is nothing to look in.
    files."etc/passwd" = builtins.toFile "passwd" "root:x:0:0:root:/root:/usr/sbin/nologin\n";
  }
  // {
    "etcd-development/etcd:v${etcd.version}".files."usr/local/bin/etcd" = "${etcd}/bin/etcd";
    "coredns/coredns:v${coredns.version}" = {
      files.coredns = "${coredns}/bin/coredns";
      entrypoint = "/coredns";
    };
    "siderolabs/flannel:v${flannel.version}" = iptables // {
      files."opt/bin/flanneld" = "${flannel}/bin/flanneld";
      packages = iptables.packages ++ [ "busybox-static" ];
      programs = iptables.programs ++ [ "usr/bin/busybox" ];
      links = iptables.links // applets [ "cp" ];
    };
    # The version is the one that Talos' configuration of containerd names.
    "pause:3.10" = {
      files.pause = "${pause}/bin/pause";
      entrypoint = "/pause";
    };
    "library/web:check" = {
      files.web = "${web}/bin/web";
      entrypoint = "/web";
    };
  }
)
