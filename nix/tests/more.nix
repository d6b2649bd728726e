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
  imager-versions = pkgs.callPackage ./imager-versions.nix { inherit (packages) sdImage; };
}
// lib.optionalAttrs (again != null) {
  reproducible = pkgs.callPackage ./reproducible.nix { inherit packages again; };
}
