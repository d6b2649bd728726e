# SPDX-License-Identifier: MPL-2.0
# The board's device trees and their overlays, apart from the kernel: one line of dts/ rebuilds no kernel.
# Arguments: `dtSources` (nix/kernel/dt-sources.nix). Outputs: rockchip/*.dtb and rockchip/*.dtbo, with symbols for overlays.
{
  stdenv,
  dtc,
  dtSources,
}:
let
  board = import ../board.nix;
in
stdenv.mkDerivation {
  name = "dtb-${board.name}";
  src = ../../dts;
  nativeBuildInputs = [ dtc ];
  buildPhase = ''
    runHook preBuild
    # W=1 of the kernel's own build, and no warning passes.
    compile() { # SOURCE OUTPUT
      ${stdenv.cc.targetPrefix}cpp -nostdinc -undef -D__DTS__ -x assembler-with-cpp \
        -I ${dtSources}/include -I ${dtSources}/scripts/dtc/include-prefixes \
        -I ${dtSources}/arch/arm64/boot/dts/rockchip "$1" -o "''${1##*/}.tmp"
      dtc -@ -I dts -O dtb -b 0 \
        -Wno-unique_unit_address -Wunique_unit_address_if_enabled \
        -o "$2" "''${1##*/}.tmp" 2>warnings || { cat warnings >&2; return 1; }
      if grep -F "${board.deviceTree}" warnings; then
        echo "$1: dtc warns (above): fix the device tree" >&2
        return 1
      fi
    }
    mkdir rockchip
    for tree in ${board.deviceTree}*.dts; do
      compile "$tree" "rockchip/''${tree%.dts}.dtb"
    done
    # V1's name in mainline (from 7.4 on).
    cp rockchip/${board.deviceTree}.dtb rockchip/${board.deviceTree}v1.dtb
    for overlay in rk3588s-*.dtso; do
      compile "$overlay" "rockchip/''${overlay%.dtso}.dtbo"
    done
    runHook postBuild
  '';
  installPhase = ''
    runHook preInstall
    mkdir -p $out
    cp -r rockchip $out/
    runHook postInstall
  '';
  dontFixup = true;
}
