# SPDX-License-Identifier: MPL-2.0
# The flake's functions for other people's flakes. docs/nix.md has examples.
{
  lib,
  pkgsFor,
  project,
}:
let
  options = import ./image-options.nix { inherit lib; };
  mkImage = import ./mk-image.nix {
    inherit
      lib
      options
      pkgsFor
      project
      ;
  };
in
{
  # mkImage OPTIONS: a disk image, as Image Factory makes one of a schematic, but built here, and bit-for-bit
  # identical every time. Outputs: those of packages.sdImage. Wrong options are refused together, with the right ones.
  inherit mkImage;
  # mkImages { defaults, nodes }: an image for each node of `nodes`, which holds what it has other than `defaults`.
  mkImages =
    {
      defaults ? { },
      nodes,
    }:
    lib.mapAttrs (_: node: mkImage (defaults // node)) nodes;
  # The options with description and default, as data.
  imageOptions = lib.mapAttrs (_: option: removeAttrs option [ "check" ]) options;
}
