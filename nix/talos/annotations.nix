# SPDX-License-Identifier: MPL-2.0
# What an overlay image says of itself, by OCI key: what is in it, and where its recipe is published if the caller says so.
# Arguments: `sources`, `kernelFlavour`, `u-boot` (nix/boot/u-boot.nix), `published` ({ source, revision } or less).
{
  lib,
  sources,
  kernelFlavour,
  u-boot,
  published,
}:
let
  board = import ../board.nix;
  inherit (u-boot) ddrBlob;
in
{
  "org.opencontainers.image.title" = board.name;
  "org.opencontainers.image.description" = "Talos overlay for the ${board.title}";
  "org.opencontainers.image.licenses" = "MPL-2.0 AND GPL-2.0-or-later";
  "${board.name}.u-boot" = u-boot.source.version;
  "${board.name}.tfa" = sources.tfa.version;
  # No kernel is in an overlay, but its device tree is compiled against this one's.
  "${board.name}.kernel" = "${kernelFlavour} ${sources.linux.${kernelFlavour}.version}";
  "${board.name}.ddr-blob" =
    if ddrBlob.standIn then
      "none: starts no board"
    else if ddrBlob.version != null then
      "rkbin ${ddrBlob.version}"
    else
      "sha256:${ddrBlob.sha256}";
}
// lib.mapAttrs' (key: lib.nameValuePair "org.opencontainers.image.${key}") (
  removeAttrs published [
    "builder"
    "version"
  ]
)
