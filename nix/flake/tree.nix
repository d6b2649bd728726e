# SPDX-License-Identifier: MPL-2.0
# default.nix with what only the Internet has: Rockchip's DDR blob, Collabora's kernel, and Talos' own payload.
# `arguments` are default.nix' own; those given count.
{ pkgs, arguments }:
let
  sources = pkgs.callPackage ../sources.nix { };
  newest =
    builtins.head (
      builtins.sort (a: b: builtins.compareVersions a b > 0) (builtins.attrNames (import ../talos/releases.nix))
    );
in
import ../../. (
  {
    inherit pkgs;
    # nixpkgs has `nix build --rebuild` for it.
    pkgsAgain = null;
    kernelFlavour = "collabora";
    talosVersion = newest;
    ddrBlob.blob = sources.ddrBlob;
  }
  // arguments
)
