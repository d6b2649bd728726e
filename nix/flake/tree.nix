# SPDX-License-Identifier: MPL-2.0
# default.nix with what only the Internet has: Rockchip's DDR blob, Collabora's kernel, and Talos' own payload.
# `arguments` are default.nix' own; those given count.
{ pkgs, arguments }:
let
  sources = pkgs.callPackage ../sources.nix { };
  releases = import ../talos/releases.nix;
in
import ../../. (
  {
    inherit pkgs;
    kernelFlavour = "collabora";
    talosVersion = releases.newest;
    ddrBlob.blob = sources.ddrBlob;
  }
  // arguments
)
