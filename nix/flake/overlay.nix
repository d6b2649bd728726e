# SPDX-License-Identifier: MPL-2.0
# What the recipes need newer than nixpkgs has it.
final: prev: {
  # Talos v1.13.9's go.mod demands it; the toolchain that Go would download itself is no pinned source.
  go_1_26 =
    let
      pin = (import ../pins.nix).go;
    in
    if builtins.compareVersions prev.go_1_26.version pin.version >= 0 then
      prev.go_1_26
    else
      prev.go_1_26.overrideAttrs {
        inherit (pin) version;
        src = final.fetchurl { inherit (pin) url hash; };
      };
  go = final.go_1_26;
  buildGoModule = final.buildGo126Module;
}
