# SPDX-License-Identifier: MPL-2.0
# What a device tree is compiled against: the kernel's rockchip trees and bindings, taken out of the source once, so that
# a line changed in dts/ unpacks no kernel.
{
  stdenvNoCC,
  dpkg,
  source,
}:
stdenvNoCC.mkDerivation {
  pname = "linux-dt-sources";
  inherit (source) version src;
  nativeBuildInputs = [ dpkg ];
  unpackPhase = import ./unpack.nix;
  installPhase = ''
    runHook preInstall
    mkdir -p $out/dts
    cp -r include/dt-bindings $out/dt-bindings
    cp -r arch/arm64/boot/dts/rockchip $out/dts/rockchip
    cp -r Documentation/devicetree/bindings $out/bindings
    runHook postInstall
  '';
  dontBuild = true;
  dontFixup = true;
}
