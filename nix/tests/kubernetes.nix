# SPDX-License-Identifier: MPL-2.0
# A node of the image runs Kubernetes from source (nix/tests/programs/node). By its `name`, which is what to call
# nix/debian/build with:
#   kubernetes         a pod answers, after a reboot and an upgrade, too (kubernetes_test.go)
#   kubernetes-worker  a second node joins, and its pod and the first reach each other (worker_test.go)
# What it is made of takes as long to build as Talos, so neither is among the checks. Outputs: log.
{
  lib,
  buildGoModule,
  go-lint,
  qemu,
  zstd,
  sdImage,
  registry,
  start-qemu,
  u-boot-qemu,
  # Of nix/tests/life.nix, as are installers.
  files,
  installers,
  images,
  kubectl,
  name ? "kubernetes",
}:
let
  parts = {
    kubernetes = {
      tests = "TestANodeRunsKubernetes";
      files = [ ];
    };
    kubernetes-worker = {
      tests = "'TestASwitch|TestAWorkerJoins'";
      files = [
        "switch_test.go"
        "worker_test.go"
      ];
    };
  };
  part = parts.${name};
in
import ./node-module.nix { inherit lib buildGoModule go-lint sdImage start-qemu; } {
  pname = "${name}-check";
  tags = "life";
  files = files ++ [ "kubernetes_test.go" ] ++ part.files;
  flags = "-timeout 6h -run ${part.tests}";
  nativeBuildInputs = [
    qemu
    zstd
  ];
  env = {
    NODE_FIRMWARE = "${u-boot-qemu}/u-boot.bin";
    NODE_REGISTRY = "${registry}/bin/registry";
    NODE_INSTALLERS = installers;
    NODE_KUBECTL = "${kubectl}/bin/kubectl";
    # REPOSITORY:TAG=LAYOUT of each.
    NODE_IMAGES = toString (lib.mapAttrsToList (name: image: "${name}=${image}") images);
    # Time is counted in instructions: on a busy host the kubelet would take what is slow for dead. One takes 1 ns, for
    # Kubernetes' programs have a minute each to start.
    NODE_QEMU = "-smp 1 -m 4096 -icount shift=0,sleep=on -rtc clock=vm";
  };
}
