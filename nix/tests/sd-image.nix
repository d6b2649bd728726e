# SPDX-License-Identifier: MPL-2.0
# The image's digest file, its manifest and its partitions agree with its bytes.
{
  runCommand,
  gptfdisk,
  jq,
  mtools,
  zstd,
  grub,
  sdImage,
}:
runCommand "sd-image-format"
  {
    nativeBuildInputs = [
      gptfdisk
      jq
      mtools
      zstd
    ];
  }
  ''
    cd ${sdImage}
    sha256sum --check *.sha256
    field() { jq --exit-status --raw-output "$1" manifest.json; }
    zstd -dc ${sdImage.fileName} >$NIX_BUILD_TOP/raw
    cd $NIX_BUILD_TOP
    [ "$(sha256sum <raw | cut -d' ' -f1)" = "$(cd ${sdImage}; field .image.rawSha256)" ]
    [ "$(stat -c %s raw)" = "$(cd ${sdImage}; field .image.rawBytes)" ]
    sgdisk --verify raw | grep 'No problems found'
    # The loader's header stands at sector 64, clear of the table's entries and the first partition.
    [ "$(dd if=raw bs=512 skip=64 count=1 status=none | head -c 4)" = RKNS ]
    [ "$(sgdisk --print raw | awk '$1 == 1 { print $2, $7 }')" = "22528 EFI" ]
    for name in EFI BIOS BOOT META; do sgdisk --print raw | grep -w "$name"; done
    # What writes GRUB on a node writes this one.
    mcopy -i raw@@$((22528 * 512)) ::EFI/BOOT/BOOTAA64.EFI grub.efi
    cmp grub.efi ${grub}/BOOTAA64.EFI
    touch $out
  ''
