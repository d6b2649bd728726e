# SPDX-License-Identifier: MPL-2.0
# What every U-Boot here is built with: our patches, in the order of their numbers, and our configurations.
{ lib }:
let
  patches = ../../patches/u-boot;
in
{
  patches = map (name: "${patches}/${name}") (
    lib.filter (lib.hasSuffix ".patch") (builtins.attrNames (builtins.readDir patches))
  );
  postPatch = ''
    patchShebangs tools scripts
    cp ${./u-boot}/* configs/
  '';
}
