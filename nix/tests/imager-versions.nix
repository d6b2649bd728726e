# SPDX-License-Identifier: MPL-2.0
# The one imager makes each Talos version's image as that version wants it: the size of BOOT (2000 MiB since 1.11) follows
# the profile's version (pkg/machinery/imager/quirks of Talos v1.13.9), the image takes the versions this project offers, and
# GRUB reads the newest one's BOOT: the kernel starts.
{
  runCommand,
  jq,
  zstd,
  sdImage,
  # nix/tests/boot.nix of an image.
  boot,
}:
let
  image =
    talosVersion:
    sdImage.override {
      inherit talosVersion;
      manifest = { };
      format = "zst";
    };
in
runCommand "imager-versions"
  {
    nativeBuildInputs = [
      jq
      zstd
    ];
  }
  ''
    expect() { # IMAGE BOOTMIB
      local mib
      mib=$(jq '.layout.partitions[] | select(.name == "BOOT") | (.lastSector - .firstSector + 1) / 2048' $1/manifest.json)
      echo "$1: BOOT has $mib MiB"
      [ "$mib" = $2 ]
      # GRUB's menu lies uncompressed in BOOT: the arguments are this board's, the version the profile's.
      zstd -dc $1/metal-arm64.raw.zst | grep -a -o '${(import ../board.nix).consoleArgument}[^"]*' >arguments
      head -n 1 arguments
    }
    expect ${image "v1.10.9"} 1000
    expect ${image "v1.12.0"} 2000
    expect ${image "v1.13.9"} 2000
    expect ${image "v1.14.0"} 2000
    grep -q '"passed": true' ${boot (image "v1.14.0")}/boot.json
    touch $out
  ''
