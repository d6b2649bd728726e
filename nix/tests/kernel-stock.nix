# SPDX-License-Identifier: MPL-2.0
# The overlay alone makes an image of somebody else's kernel and initramfs, as Talos' own imager does in its container:
# both are in it untouched, beside our loader and device tree. (kernel = "stock"; docs/kernels.md.) The kernel here is a
# stand-in of random bytes, which nothing but a copy has.
{
  runCommand,
  gptfdisk,
  jq,
  mtools,
  openssl,
  python3,
  zstd,
  dtb,
  sdImage,
}:
let
  standIn = runCommand "stock-kernel-stand-in" { nativeBuildInputs = [ openssl ]; } ''
    mkdir $out
    random() { openssl enc -aes-128-ctr -K $(printf %032x $1) -iv $(printf %032x 0) -in /dev/zero 2>/dev/null | head -c $2 || true; }
    random 1 3000000 >$out/Image
    random 2 5000000 >$out/initramfs
    [ "$(stat -c %s $out/Image $out/initramfs | tr '\n' ' ')" = "3000000 5000000 " ]
  '';
  image = sdImage.override {
    talosVersion = "v1.10.9";
    kernel = standIn;
    initramfs = "${standIn}/initramfs";
    manifest = { };
    format = "zst";
  };
in
runCommand "kernel-stock"
  {
    nativeBuildInputs = [
      gptfdisk
      jq
      mtools
      python3
      zstd
    ];
  }
  ''
    zstd -dc ${image}/metal-arm64.raw.zst >raw
    first() { jq ".layout.partitions[] | select(.name == \"$1\") | .firstSector" ${image}/manifest.json; }

    # Both in one piece in the file system that GRUB reads.
    python3 - $(first BOOT) ${standIn}/Image ${standIn}/initramfs <<'END'
    import mmap, sys
    file = open("raw", "rb")
    raw = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    for name in sys.argv[2:]:
        found = raw.find(open(name, "rb").read(), int(sys.argv[1]) * 512)
        print(f"{name}: at byte {found}")
        if found < 0:
            sys.exit(f"{name} is not in BOOT as it was given")
    END

    mcopy -i raw@@$(($(first EFI) * 512)) ::/dtb/rockchip/${(import ../board.nix).deviceTree}.dtb got.dtb
    cmp got.dtb ${dtb}/rockchip/${(import ../board.nix).deviceTree}.dtb
    [ "$(dd if=raw bs=512 skip=64 count=1 status=none | head -c 4)" = RKNS ]
    touch $out
  ''
