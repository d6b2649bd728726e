# SPDX-License-Identifier: MPL-2.0
# The flake's functions for other people's flakes. docs/nix.md has examples.
{ lib, pkgsFor }:
let
  options = import ./image-options.nix { inherit lib; };
in
{
  # mkImage OPTIONS: a disk image, as Image Factory makes one of a schematic, but built here and the same bits every
  # time. Gives what packages.sdImage gives. Wrong options are refused together, with the right ones.
  mkImage = import ./mk-image.nix { inherit lib pkgsFor options; };
  # mkImages { defaults, nodes }: an image for each node of `nodes`, which holds what it has other than `defaults`.
  mkImages = { defaults ? { }, nodes }: lib.mapAttrs (_: node: (import ./mk-image.nix { inherit lib pkgsFor options; }) (defaults // node)) nodes;
  # The options with description and default, as data.
  imageOptions = lib.mapAttrs (_: option: removeAttrs option [ "check" ]) options;
}
