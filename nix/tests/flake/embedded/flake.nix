# SPDX-License-Identifier: MPL-2.0
# Stands in for nixpkgs as the flake's input: the embedded package set, with what only nixpkgs has as names that evaluate
# and cannot be built.
{
  description = "nix/debian as nixpkgs";
  outputs = _: import ./set.nix { onlyKnown = false; };
}
