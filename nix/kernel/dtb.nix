# SPDX-License-Identifier: MPL-2.0
# The board's device trees and their overlays, apart from the kernel: one line of dts/ rebuilds no kernel.
# Arguments: `dtSources` (nix/kernel/dt-sources.nix). Outputs: rockchip/*.dtb and rockchip/*.dtbo, with symbols for overlays.
{
  lib,
  stdenv,
  dtc,
  dtSources,
}:
let
  board = import ../board.nix;
in
stdenv.mkDerivation {
  name = "dtb-${board.name}";
  # Of dts/ what is compiled: a changed check or fact makes no other device tree.
  src = lib.fileset.toSource {
    root = ../../dts;
    fileset = lib.fileset.fileFilter (
      file: lib.hasPrefix board.deviceTree file.name || file.name == "compile.sh"
    ) ../../dts;
  };
  nativeBuildInputs = [ dtc ];
  buildPhase = ''
    runHook preBuild
    # No warning about ours passes; the kernel's own files have some.
    compile() { # SOURCE OUTPUT
      CPP=${stdenv.cc.targetPrefix}cpp sh compile.sh ${dtSources} "$1" "$2" 2>warnings || { cat warnings >&2; return 1; }
      if grep -F "${board.deviceTree}" warnings; then
        echo "$1: dtc warns (above): fix the device tree" >&2
        return 1
      fi
    }
    mkdir rockchip
    for tree in ${toString board.deviceTrees}; do
      compile "''${tree%.dtb}.dts" "rockchip/$tree"
    done
    # What mainline calls the first one.
    for name in ${board.mainlineTree or ""}; do
      cp rockchip/${board.deviceTree}.dtb rockchip/$name
    done
    for overlay in ${board.deviceTree}-*.dtso; do
      [ -e "$overlay" ] || continue
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
