# SPDX-License-Identifier: MPL-2.0
# nixpkgs as the recipes of this project see it: with the Go and the xfsprogs they ask for, and nothing else changed. What
# nixpkgs itself builds with its Go (gopls, cosign, talosctl) stays what its binary cache has.
pkgs:
let
  pins = import ../pins.nix;
  # atLeast PIN PACKAGE: it, or where it is older its recipe with the pinned source.
  atLeast =
    pin: package:
    if builtins.compareVersions package.version pin.version >= 0 then
      package
    else
      package.overrideAttrs {
        inherit (pin) version;
        src = pkgs.fetchurl { inherit (pin) url hash; };
      };
  recipesOf =
    set:
    let
      # Talos v1.13.9's go.mod demands it; the toolchain that Go would download itself is not a pinned source.
      go = atLeast pins.go set.buildPackages.go_1_26;
      own = {
        inherit go;
        buildGoModule = set.buildGo126Module.override { inherit go; };
        # Before 7.0 it makes another file system each time.
        xfsprogs = atLeast pins.xfsprogs set.xfsprogs;
      };
    in
    set // own // { callPackage = set.newScope own; };
in
recipesOf pkgs
// {
  pkgsCross = builtins.mapAttrs (_: recipesOf) pkgs.pkgsCross;
}
