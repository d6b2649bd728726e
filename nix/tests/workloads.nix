# SPDX-License-Identifier: MPL-2.0
# What people run on Talos' own kernel runs on ours: the very Image and its signed modules start in QEMU, with Debian's
# arm64 programs for user space, and every workload of nix/tests/workloads/init is done once there.
# Arguments: `kernel` (nix/kernel/signed.nix), `workloads` (nix/tests/programs/workloads) and the packages for the root.
{
  lib,
  stdenvNoCC,
  buildGoModule,
  cpio,
  dpkg,
  kmod,
  qemu,
  squashfs-tools-ng,
  kernel,
  workloads,
  nodePackages,
  workloadPackages,
}:
let
  module = import ../go-module.nix { inherit lib; };
  # disk, a squashfs of the root, and initrd, which mounts it.
  root = stdenvNoCC.mkDerivation {
    name = "workloads-root";
    nativeBuildInputs = [
      cpio
      dpkg
      kmod
      squashfs-tools-ng
    ];
    packages = nodePackages ++ workloadPackages;
    init = ./workloads/init;
    buildCommand = ''
      mkdir root initramfs $out
      for package in $packages; do
        dpkg-deb --fsys-tarfile $package | tar -x --no-same-owner -C root
      done
      ln -sfn usr/lib root/lib
      ln -sfn usr/bin root/bin
      ln -sfn usr/sbin root/sbin
      ln -sf kmod root/usr/bin/modprobe
      mkdir -p root/{dev,proc,sys,run,tmp,etc,workloads,busybox} root/usr/lib/modules
      for program in modprobe insmod modinfo; do ln -sf ../bin/kmod root/usr/sbin/$program; done
      cp ${workloads}/bin/workloads root/workloads/
      cp $init root/init
      chmod 755 root/init
      release=$(cat ${kernel}/release)
      cp -r --no-preserve=mode ${kernel}/lib/modules/$release root/usr/lib/modules/
      depmod --basedir root $release
      tar -C root --sort=name --owner=0 --group=0 --numeric-owner -c . | tar2sqfs --quiet --compressor gzip $out/disk

      mkdir initramfs/bin
      cp root/usr/bin/busybox initramfs/bin/
      cp $init initramfs/init
      chmod 755 initramfs/init
      (cd initramfs && find . | sort | cpio --quiet -o -H newc --reproducible --owner +0:+0) >$out/initrd
    '';
  };
in
module.bootTest buildGoModule {
  program = "workloads";
  internal = [
    "child"
    "disk"
    "fixture/machine"
    "image"
    "qemu"
  ];
  minutes = 30;
  nativeBuildInputs = [ qemu ];
  env = {
    WORKLOADS_KERNEL = "${kernel}/Image";
    WORKLOADS_INITRD = "${root}/initrd";
    WORKLOADS_DISK = "${root}/disk";
  };
}
