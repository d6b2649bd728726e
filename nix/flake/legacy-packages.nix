# SPDX-License-Identifier: MPL-2.0
# The whole tree of default.nix, for `nix build .#legacyPackages…` and for other people's flakes.
{ pkgs, tree, ... }:
tree pkgs { }
