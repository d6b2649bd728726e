# SPDX-License-Identifier: MPL-2.0
# What a device tree is compiled against and checked with: the kernel's rockchip trees, headers and bindings, in the
# kernel's own layout, taken out of the source once, so that a line changed in dts/ unpacks no kernel.
{
  stdenvNoCC,
  dpkg,
  source,
}:
let
  parts = [
    "include/dt-bindings"
    "include/uapi/linux/input-event-codes.h"
    "arch/arm64/boot/dts/rockchip"
    "scripts/dtc/include-prefixes"
    "Documentation/devicetree/bindings"
  ];
in
stdenvNoCC.mkDerivation {
  pname = "linux-dt-sources";
  inherit (source) version src;
  nativeBuildInputs = [ dpkg ];
  unpackPhase = import ./unpack.nix { only = parts; };
  installPhase = ''
    runHook preInstall
    mkdir $out
    cp -r --parents ${toString parts} $out/
    runHook postInstall
  '';
  dontBuild = true;
  dontFixup = true;
}
