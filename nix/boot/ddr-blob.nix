# SPDX-License-Identifier: MPL-2.0
# The TPL that starts the board's memory: Rockchip's DDR blob, closed source, which only the user's choice brings in.
# Takes `blob` (a path) and `blobSha256`, or neither: then a stand-in that every tool recognises by its first
# bytes (internal/rockchip), so that an image without a blob says so wherever it is met. A blob in a source pinned by hash
# (nix/pins.nix, rkbin) needs no hash of its own.
# Gives { tpl, standIn, sha256 }.
{
  runCommand,
  lib,
  blob ? null,
  blobSha256 ? null,
}:
{
  standIn = blob == null;
  sha256 = blobSha256;
  tpl =
    if blob == null then
      runCommand "ddr-blob-stand-in.bin" { } ''
        printf 'NANOPI-M6 NO DDR BLOB: STAND-IN\n' >$out
        truncate -s 2048 $out
      ''
    else if blobSha256 == null then
      if builtins.hasContext "${toString blob}" then
        runCommand "ddr-blob.bin" { } "cp ${blob} $out"
      else
        throw "DDR blob ${toString blob} without its hash: hand in blobSha256 (sha256sum of the file you mean)"
    else
      runCommand "ddr-blob.bin" { inherit blob blobSha256; } ''
        got=$(sha256sum <$blob | cut -d' ' -f1)
        if [ "$got" != "$blobSha256" ]; then
          echo "DDR blob $blob has sha256 $got, expected $blobSha256: take the file nix/pins.nix names (rkbin)," \
            "or give the hash of the one you mean" >&2
          exit 1
        fi
        cp $blob $out
      '';
}
