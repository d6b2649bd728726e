# SPDX-License-Identifier: MPL-2.0
# The whole tree of default.nix, for `nix build .#legacyPackages…` and for other people's flakes, and the
# package set it is made of.
{ pkgs, tree, ... }:
tree pkgs { } // { inherit pkgs; }
