# SPDX-License-Identifier: MPL-2.0
# default.nix with what only the Internet has: Rockchip's DDR blob, Collabora's kernel, and Talos' own payload once a
# release of the default line is pinned. `arguments` are default.nix' own; those given count.
{ pkgs, arguments }:
import ../../. (
  {
    inherit pkgs;
    # nixpkgs has `nix build --rebuild` for it.
    pkgsAgain = null;
    kernelFlavour = "collabora";
    talosVersion = (import ../talos/versions.nix).default;
    ddrBlob = "v1.19";
  }
  // arguments
)
