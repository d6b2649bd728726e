# SPDX-License-Identifier: MPL-2.0
# Every name that nix/debian/interface.nix takes from nixpkgs is in the nixpkgs at hand: `pkgs`. What each name means is
# read, not checked (docs/verification.md).
{
  lib,
  pkgs,
  runCommand,
}:
let
  interface = import ../debian/interface.nix;
  absentFrom = set: names: lib.filter (name: !(set ? ${name})) names;
  absent =
    absentFrom pkgs (builtins.attrNames (interface.names // interface.packages))
    # "stdenv.mkDerivation" is in a set that a name above stands for.
    ++ absentFrom pkgs (lib.filter (name: builtins.match ".*[.].*" name == null) (builtins.attrNames interface.builders))
    ++ map (name: "lib.${name}") (absentFrom pkgs.lib interface.lib.names);
in
if absent == [ ] then
  runCommand "nixpkgs-interface" { } "touch $out"
else
  throw "nix/debian/interface.nix names what this nixpkgs does not have: ${lib.concatStringsSep ", " absent}"
