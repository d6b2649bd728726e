# SPDX-License-Identifier: MPL-2.0
# nixpkgs as the recipes of this project see it: with the Go they ask for, and nothing else changed. What nixpkgs itself
# builds with its Go (gopls, cosign, talosctl) stays what its binary cache has.
pkgs:
let
  pin = (import ../pins.nix).go;
  recipesOf =
    set:
    let
      theirs = set.buildPackages.go_1_26;
      # Talos v1.13.9's go.mod demands it; the toolchain that Go would download itself is no pinned source.
      go =
        if builtins.compareVersions theirs.version pin.version >= 0 then
          theirs
        else
          theirs.overrideAttrs {
            inherit (pin) version;
            src = pkgs.fetchurl { inherit (pin) url hash; };
          };
      own = {
        inherit go;
        buildGoModule = set.buildGo126Module.override { inherit go; };
      };
    in
    set // own // { callPackage = set.newScope own; };
in
recipesOf pkgs
// {
  pkgsCross = builtins.mapAttrs (_: recipesOf) pkgs.pkgsCross;
}
