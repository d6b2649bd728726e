# SPDX-License-Identifier: MPL-2.0
# Official Talos releases: sha256 of each asset, as the release's own sha256sum.txt has it, and what was verified.
# `nix run .#pin -- vX.Y.Z` adds one.
{
  "v1.14.0" = {
    "initramfs-arm64.xz" = "e47bc13e2dda3af341019ae2bdb75f13f6812b07d1fa91ac94c4d7d4ef8060b7";
    standing = "sha256sum.txt of the release, read 2026-09-13";
  };
}
