# SPDX-License-Identifier: MPL-2.0
# GRUB's EFI program with the modules that the Talos imager builds in (internal/…/bootloader/grub/install.go, generateGrubImage):
# bit-for-bit the one in the disk image, for what writes GRUB on a node. Outputs: BOOTAA64.EFI.
{ runCommand, imagerTools }:
runCommand "grub-arm64-efi" { nativeBuildInputs = [ imagerTools ] ++ imagerTools.runtimeInputs; } ''
  mkdir $out
  grub-mkimage --format arm64-efi --output $out/BOOTAA64.EFI --prefix '(hd0,gpt3)/grub' --compression xz \
    part_gpt ext2 fat xfs normal configfile linux boot search search_fs_uuid search_fs_file \
    ls cat echo test help reboot halt all_video
''
