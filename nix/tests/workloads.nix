# SPDX-License-Identifier: MPL-2.0
# What people run on Talos' own kernel runs on ours: the very Image and its signed modules start in QEMU, with Debian's
# arm64 programs for user space, and every workload of nix/tests/workloads/init is done once there.
# Arguments: `kernel` (nix/kernel/signed.nix), `workloads` (nix/tests/programs/workloads) and the packages for the root.
# Output: serial.log.
{
  stdenvNoCC,
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
stdenvNoCC.mkDerivation {
  name = "workloads";
  nativeBuildInputs = [
    cpio
    dpkg
    kmod
    qemu
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
    tar -C root --sort=name --owner=0 --group=0 --numeric-owner -c . | tar2sqfs --quiet --compressor gzip disk

    mkdir initramfs/bin
    cp root/usr/bin/busybox initramfs/bin/
    cp $init initramfs/init
    chmod 755 initramfs/init
    (cd initramfs && find . | cpio --quiet -o -H newc) >initrd

    # The processor has the virtualisation extension, and the kernel starts where it can use it (EL2).
    qemu-system-aarch64 -M virt,virtualization=on,gic-version=3 -cpu cortex-a76 -smp 2 -m 3072 \
      -accel tcg,thread=multi -nic none -display none -no-reboot -monitor none \
      -kernel ${kernel}/Image -initrd initrd -drive file=disk,format=raw,if=virtio,readonly=on \
      -append 'console=ttyAMA0 quiet panic=-1 module.sig_enforce=1 rdinit=/init' \
      -device qemu-xhci -chardev null,id=line -device usb-serial,chardev=line,always-plugged=on \
      -netdev user,id=network -device usb-net,netdev=network \
      -audiodev none,id=sound -device usb-audio,audiodev=sound \
      -serial file:$out/serial.log &
    machine=$!
    # The whole takes some minutes; what hangs ends here.
    for second in $(seq 1800); do
      sleep 1
      kill -0 $machine 2>/dev/null || break
    done
    kill $machine 2>/dev/null && echo "still running after 30 minutes" >>$out/serial.log
    cat $out/serial.log
    grep -E 'workloads: [0-9]+ passed, 0 failed' $out/serial.log
  '';
}
