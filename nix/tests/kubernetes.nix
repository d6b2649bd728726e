# SPDX-License-Identifier: MPL-2.0
# A node of the image runs Kubernetes from source (nix/tests/programs/node/kubernetes_test.go). What it is made of takes as long to
# build as Talos, so it is not among the checks: nix/debian/build kubernetes. Outputs: log.
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
  installers,
  images,
  kubectl,
}:
import ./node-module.nix { inherit lib buildGoModule go-lint; } {
  pname = "kubernetes-check";
  tags = "life";
  flags = "-timeout 6h -run TestANodeRunsKubernetes";
  nativeBuildInputs = [
    qemu
    zstd
  ];
  env = {
    NODE_START = "${start-qemu}/bin/start-qemu";
    NODE_IMAGE = "${sdImage}/${sdImage.fileName}";
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
