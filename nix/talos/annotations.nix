# SPDX-License-Identifier: MPL-2.0
# What an overlay image says of itself, by OCI key: what is in it, and where its recipe is published if the caller says so.
# Arguments: `sources`, `kernelFlavour`, `ddr-blob` (nix/boot/ddr-blob.nix), `published` ({ source, revision } or less).
{
  lib,
  sources,
  kernelFlavour,
  ddr-blob,
  published,
}:
{
  "org.opencontainers.image.title" = (import ../board.nix).name;
  "org.opencontainers.image.description" = "Talos overlay for the FriendlyElec NanoPi M6 (RK3588S)";
  "org.opencontainers.image.licenses" = "MPL-2.0 AND GPL-2.0-or-later";
  "nanopi-m6.u-boot" = sources.u-boot.version;
  "nanopi-m6.tfa" = sources.tfa.version;
  # No kernel is in an overlay, but its device tree is compiled against this one's.
  "nanopi-m6.kernel" = "${kernelFlavour} ${sources.linux.${kernelFlavour}.version}";
  "nanopi-m6.ddr-blob" =
    if ddr-blob.standIn then
      "none: starts no board"
    else if ddr-blob.version != null then
      "rkbin ${ddr-blob.version}"
    else
      "sha256:${ddr-blob.sha256}";
}
// lib.mapAttrs' (key: lib.nameValuePair "org.opencontainers.image.${key}") (
  removeAttrs published [ "builder" ]
)
