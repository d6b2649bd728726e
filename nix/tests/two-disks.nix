# SPDX-License-Identifier: MPL-2.0
# A node starts from its own disk whatever other disks are attached (docs/operating.md, nix/tests/programs/two-disks).
{
  lib,
  buildGoModule,
  dosfstools,
  gptfdisk,
  mtools,
  qemu,
  imagerTools,
  grub,
  u-boot-qemu,
}:
let
  module = import ../go-module.nix { inherit lib; };
in
module.build buildGoModule {
  pname = "two-disks";
  version = "0";
  src = module.only [ ./programs/two-disks ];
  # The imager's mkfs.xfs finds its option files.
  nativeBuildInputs = [
    imagerTools
    dosfstools
    gptfdisk
    mtools
    qemu
  ]
  ++ imagerTools.runtimeInputs;
  env = {
    DISKS_UBOOT = "${u-boot-qemu}/u-boot.bin";
    DISKS_EFI = "${u-boot-qemu}/helloworld.efi";
    DISKS_GRUB = "${grub}/BOOTAA64.EFI";
  };
  buildPhase = ''
    unformatted=$(gofmt -l nix/tests/programs/two-disks)
    [ -z "$unformatted" ] || { echo "not as gofmt writes it: $unformatted" >&2; exit 1; }
    go vet -tags qemu ./nix/tests/programs/two-disks
  '';
  doCheck = true;
  checkPhase = "go test -v -timeout 30m -parallel 2 -tags qemu ./nix/tests/programs/two-disks";
  installPhase = "touch $out";
}
