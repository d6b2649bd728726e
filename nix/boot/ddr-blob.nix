# SPDX-License-Identifier: MPL-2.0
# The TPL that starts the board's memory: Rockchip's DDR blob, closed source, which only the user's choice brings in.
# Arguments: `blob` (a path) and `blobSha256`, or `version` (a name in nix/pins.nix, rkbin), or neither: then a stand-in that
# every tool recognises by its first bytes (internal/rockchip), so that an image without a blob says so wherever it is met.
# Outputs: { tpl, standIn, sha256, version }, the last two null where they are not known.
{
  runCommand,
  lib,
  sources,
  blob ? null,
  blobSha256 ? null,
  version ? null,
}:
{
  standIn = blob == null && version == null;
  sha256 = blobSha256;
  inherit version;
  tpl =
    if version != null then
      runCommand "ddr-blob.bin" { } "cp ${
        sources.ddrBlobs.${version}
          or (throw "DDR blob ${version}: nix/pins.nix has ${lib.concatStringsSep ", " (builtins.attrNames sources.ddrBlobs)}")
      } $out"
    else if blob == null then
      runCommand "ddr-blob-stand-in.bin" { } ''
        printf 'NANOPI-M6 NO DDR BLOB: STAND-IN\n' >$out
        truncate -s 2048 $out
      ''
    else if blobSha256 == null then
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
