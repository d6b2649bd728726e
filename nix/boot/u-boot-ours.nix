# SPDX-License-Identifier: MPL-2.0
# What every U-Boot here is built with: our patches, in the order of their numbers, and our configurations.
# Arguments: `configs`, names of files in ./u-boot: what another U-Boot reads does not rebuild this one.
{ lib, configs }:
let
  patches = ../../patches/u-boot;
  chosen = lib.fileset.toSource {
    root = ./u-boot;
    fileset = lib.fileset.unions (map (name: ./u-boot + "/${name}") configs);
  };
in
{
  patches = map (name: "${patches}/${name}") (
    lib.filter (lib.hasSuffix ".patch") (builtins.attrNames (builtins.readDir patches))
  );
  # For overrideAttrs: as an argument of buildUBoot it would not count in every form of nixpkgs' builder.
  postPatch = ''
    patchShebangs tools scripts
    cp ${chosen}/* configs/
    export SOURCE_DATE_EPOCH=${import ../source-date-epoch.nix}
  '';
}
