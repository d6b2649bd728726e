# SPDX-License-Identifier: MPL-2.0
# The disk image: the Talos imager over overlay, kernel and initramfs. Bit-for-bit identical every time.
# Arguments: `talosVersion`, `kernel` (Image), `initramfs` (file), `overlay`, `overlayOptions`, `extraKernelArgs`, `manifest`
# (attributes for manifest.json: what went in), `format` ("zst" or "xz"), and what Image Factory's schematics have:
# `systemExtensions` ({ ociPath } or { tarballPath } each), `machineConfig` (text, embedded), `meta` ({ key, value } each), and
# `profileName` (a file of profiles/), `diskSize` (bytes; the imager adds 1000 MiB for BOOT from Talos 1.11 on).
# Outputs: metal-arm64.raw.FORMAT, its .sha256, and manifest.json.
{
  lib,
  stdenvNoCC,
  jq,
  imager,
  imagerTools,
  seekable,
  systemd-boot,
  gptfdisk,
  talosVersion,
  kernel,
  initramfs,
  overlay,
  overlayOptions ? { },
  extraKernelArgs ? [ ],
  manifest,
  format ? "zst",
  systemExtensions ? [ ],
  machineConfig ? null,
  meta ? [ ],
  profileName ? (import ../board.nix).name,
  diskSize ? null,
  squashfsTools ? throw "system extensions need squashfs-tools, which the embedded set does not have: build with nixpkgs",
}:
let
  board = import ../board.nix;
  profile = {
    baseProfileName = profileName;
    arch = "arm64";
    platform = "metal";
    version = talosVersion;
    customization =
      lib.optionalAttrs (extraKernelArgs != [ ]) { inherit extraKernelArgs; }
      // lib.optionalAttrs (machineConfig != null) { embeddedMachineConfiguration = machineConfig; }
      // lib.optionalAttrs (meta != [ ]) { metaContents = meta; };
    input = {
      kernel.path = "${kernel}/Image";
      initramfs.path = "${initramfs}";
      # A unified kernel image is always built; GRUB boots without it.
      sdBoot.path = "${systemd-boot}/systemd-bootaa64.efi";
      sdStub.path = "${systemd-boot}/linuxaa64.efi.stub";
    }
    // lib.optionalAttrs (systemExtensions != [ ]) { inherit systemExtensions; };
    overlay = {
      inherit (board) name;
      image.ociPath = "${overlay}";
      options = overlayOptions;
    };
    output = {
      kind = "image";
      outFormat = "raw";
    }
    // lib.optionalAttrs (diskSize != null) {
      imageOptions = {
        inherit diskSize;
        diskFormat = "raw";
        bootloader = "grub";
      };
    };
  };
  compress =
    {
      # In frames that m6 decodes on every core, and of which it need not decode those that are zeros.
      zst = "seekable $image $out/$image.zst";
      # The block size makes the file the same for any number of threads.
      xz = "xz -6 --block-size=16MiB -T$NIX_BUILD_CORES --stdout $image >$out/$image.xz";
    }
    .${format}
      or (throw "sdImage: format '${format}' is unknown; known are zst and xz");
in
stdenvNoCC.mkDerivation {
  name = "talos-${talosVersion}-${board.name}${lib.optionalString (overlayOptions.allowStandIn or false) "-no-ddr-blob"}";
  nativeBuildInputs = [
    imager
    imagerTools
    seekable
    gptfdisk
    jq
  ]
  ++ imagerTools.runtimeInputs
  ++ lib.optional (systemExtensions != [ ]) squashfsTools;
  profile = builtins.toJSON profile;
  manifest = builtins.toJSON manifest;
  passAsFile = [
    "profile"
    "manifest"
  ];
  # mkfs.xfs 7: a fixed time is not enough, its random numbers need a seed.
  env.DETERMINISTIC_SEED = "1";

  buildCommand = ''
    imager --output . - <$profilePath

    image=metal-arm64.raw
    sgdisk --verify $image
    mkdir $out
    ${compress}
    (cd $out && sha256sum $image.${format} >$image.${format}.sha256)

    # The disk's own table, sizes and digests: what a user compares.
    partitions=$(sgdisk --print $image | awk '$1 ~ /^[0-9]+$/ { printf "%s{\"number\":%d,\"name\":\"%s\",\"firstSector\":%d,\"lastSector\":%d}", n++ ? "," : "", $1, $7, $2, $3 }')
    jq --sort-keys \
      --arg raw "$(sha256sum <$image | cut -d' ' -f1)" --argjson rawBytes "$(stat -c %s $image)" \
      --arg packed "$(sha256sum <$out/$image.${format} | cut -d' ' -f1)" --argjson packedBytes "$(stat -c %s $out/$image.${format})" \
      --argjson partitions "[$partitions]" '. + {
        image: { file: "metal-arm64.raw.${format}", sha256: $packed, bytes: $packedBytes, rawSha256: $raw, rawBytes: $rawBytes },
        layout: { sectorBytes: 512, loaderSector: 64, partitions: $partitions }
      }' <$manifestPath >$out/manifest.json
  '';
  passthru = {
    inherit profile;
    fileName = "metal-arm64.raw.${format}";
  };
}
