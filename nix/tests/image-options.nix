# SPDX-License-Identifier: MPL-2.0
# What mkImage's options ask for is in the image: kernel arguments added and taken away, META, size, profile. (Which
# options there are, and the refusal of wrong ones: nix/tests/flake/evaluate.sh.)
{
  runCommand,
  gptfdisk,
  jq,
  zstd,
  sdImage,
}:
let
  board = import ../board.nix;
  image = sdImage.override {
    profileName = "${board.name}-nvme";
    extraKernelArgs = [
      "nanopi.test=1"
      "-talos.dashboard.disabled"
    ];
    meta = [
      {
        key = 10;
        value = "meta-test-of-ours";
      }
    ];
    diskSize = 2147483648;
    manifest = { };
    format = "zst";
  };
in
runCommand "image-options"
  {
    nativeBuildInputs = [
      gptfdisk
      jq
      zstd
    ];
  }
  ''
    zstd -dc ${image}/metal-arm64.raw.zst >raw
    [ "$(stat -c %s raw)" = 2147483648 ]
    sgdisk --verify raw | grep 'No problems found'
    # GRUB's menu lies uncompressed in BOOT.
    grep -a -o 'talos\.platform=metal[^"]*' raw | head -n 1 >arguments || true
    cat arguments
    grep -w 'nanopi.test=1' arguments
    grep -w '${board.consoleArgument}' arguments
    if grep talos.dashboard.disabled arguments; then exit 1; fi
    meta=$(jq '.layout.partitions[] | select(.name == "META") | .firstSector' ${image}/manifest.json)
    dd if=raw bs=512 skip=$meta count=2048 status=none | grep -a -c meta-test-of-ours
    # The loader is elsewhere: none in this image.
    [ "$(dd if=raw bs=512 skip=64 count=1 status=none | head -c 4 | tr -d '\0')" = "" ]
    touch $out
  ''
