# SPDX-License-Identifier: MPL-2.0
# Official Talos releases (releases.json): sha256 of each asset, as the release's own sha256sum.txt has it, and what was
# verified. `nix run .#pin -- vX.Y.Z` adds one.
builtins.fromJSON (builtins.readFile ./releases.json)
