# SPDX-License-Identifier: MPL-2.0
# Image and overlay have an SPDX document that is valid and whole: every package in it has version, source, hash and licence,
# every Debian package of the node's root is there, and the Go programs with modules. With `schema`, SPDX' own is asked too.
{
  lib,
  runCommand,
  jq,
  sbom,
  overlay-sbom,
  supply-chain,
  # Names in nix/debian/lock.
  debs,
  standIn,
  schema ? null,
}:
let
  board = import ../board.nix;
  # What is made of this repository's own files has no source to fetch; Rockchip states no SPDX licence.
  own = [
    "--own overlay-installer,${board.name}-device-trees"
  ]
  ++ lib.optional (!standIn) "--unstated rockchip-ddr-blob"
  ++ lib.optional (schema != null) "--schema ${schema}";
  options = lib.concatStringsSep " " own;
in
runCommand "sbom-check"
  {
    nativeBuildInputs = [
      jq
      supply-chain
    ];
    debs = map (name: builtins.head (lib.splitString ":" name)) debs;
  }
  ''
    sbom check ${options} ${overlay-sbom}/overlay-${board.name}.spdx.json
    image=${sbom}/talos-${board.name}.spdx.json
    flannel=$(jq -r '.packages[] | select(.name == "flannel") | .name' $image)
    sbom check ${options} ''${flannel:+--own $flannel} $image
    for deb in $debs; do
      jq --exit-status --arg deb $deb '.packages | any(.name == $deb and .licenseDeclared == "LicenseRef-" + $deb)' $image >/dev/null ||
        { echo "$deb is not in $image" >&2; exit 1; }
    done
    modules=$(jq '[.packages[] | select(.SPDXID | startswith("SPDXRef-go-"))] | length' $image)
    echo "$modules Go modules, $(jq '.packages | length' $image) packages"
    [ $modules -gt 50 ]
    touch $out
  ''
