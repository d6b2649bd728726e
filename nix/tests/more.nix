# SPDX-License-Identifier: MPL-2.0
# Checks that were not yet seen to pass to their end on the embedded set; `make test` takes them in once they were.
# Takes `pkgs`, `packages` (default.nix) and `again`: the same tree built anew, or null.
{
  pkgs,
  lib,
  packages,
  again,
}:
{
  overlay-push = pkgs.callPackage ./overlay-push.nix {
    inherit (packages)
      sources
      imager
      imagerTools
      oci-image
      overlay
      sdImage
      ;
    registry = pkgs.callPackage ../go.nix {
      package = "internal/oci/registry";
      internal = [ "oci" ];
    };
  };
  installer-image = pkgs.callPackage ./installer-image.nix {
    inherit (packages) oci-image;
    makeImage = packages.installerImageOn;
  };
  image-options = pkgs.callPackage ./image-options.nix { inherit (packages) sdImage; };
  imager-versions = pkgs.callPackage ./imager-versions.nix { inherit (packages) sdImage; };
}
// lib.optionalAttrs (again != null) {
  reproducible = pkgs.callPackage ./reproducible.nix { inherit packages again; };
}
