# SPDX-License-Identifier: MPL-2.0
# The board's boot loader: U-Boot with our configuration and device tree, BL31 and the DDR blob.
# Arguments: `source` ({ tag, version, src }), `tfa` (with bl31.elf) and `ddrBlob` (nix/boot/ddr-blob.nix).
# Outputs: u-boot-rockchip.bin (at 32 KiB of a medium), u-boot-rockchip-spi.bin and their parts.
# Two steps: the code is compiled once with another board's device tree, then ours, BL31 and the blob are put in, so that
# a line changed in dts/ recompiles no code.
{
  lib,
  stdenv,
  buildUBoot,
  source,
  tfa,
  ddrBlob,
}:
let
  board = import ../board.nix;
  ours = import ./u-boot-ours.nix {
    inherit lib;
    inherit (source) version;
    configs = [
      "boot-flow.config"
      board.uBoot.defconfig
    ];
  };
  extraMeta = {
    platforms = [ "aarch64-linux" ];
    license = lib.licenses.gpl2Plus;
  };

  code =
    (buildUBoot {
      inherit (source) version src;
      inherit (board.uBoot) defconfig;
      buildFlags = [
        "u-boot.bin"
        "spl/u-boot-spl.bin"
      ];
      filesToInstall = [ ];
      dontFixup = true;
      inherit extraMeta;
    }).overrideAttrs
      {
        inherit (ours) patches postConfigure;
        postPatch = ours.postPatch + ''
          # The nearest board of this release stands in; the second step puts ours here.
          echo '#include "${board.uBoot.standInTree}"' >dts/upstream/src/arm64/rockchip/${board.deviceTree}.dts
          echo '#include "rk3588s-u-boot.dtsi"' >arch/arm/dts/${board.deviceTree}-u-boot.dtsi
        '';
        # With the dates, by which make knows what is built. The tarball's files are writable for their group, which Nix
        # takes of no output.
        installPhase = ''
          mkdir $out
          cp -a . $out/
          chmod -R go-w $out
        '';
      };
in
stdenv.mkDerivation {
  # The name says what the loader can do.
  name = "u-boot-${board.name}-${source.version}${lib.optionalString ddrBlob.standIn "-no-ddr-blob"}";
  src = code;
  inherit (code)
    nativeBuildInputs
    depsBuildBuild
    makeFlags
    ;
  hardeningDisable = [ "all" ];
  enableParallelBuilding = true;
  trees = lib.fileset.toSource {
    root = ../../dts;
    fileset = lib.fileset.fileFilter (
      file:
      lib.hasPrefix board.deviceTree file.name
      && (lib.hasSuffix ".dts" file.name || lib.hasSuffix ".dtsi" file.name)
    ) ../../dts;
  };
  BL31 = "${tfa}/bl31.elf";
  ROCKCHIP_TPL = ddrBlob.tpl;
  preBuild = ''
    cp $trees/${board.deviceTree}.dts* dts/upstream/src/arm64/rockchip/
    cp $trees/${board.deviceTree}-u-boot.dtsi arch/arm/dts/
  '';
  installPhase = ''
    runHook preInstall
    mkdir -p $out
    cp u-boot-rockchip.bin u-boot-rockchip-spi.bin idbloader.img u-boot.itb u-boot.dtb spl/u-boot-spl.bin $out/
    cp .config $out/config
    runHook postInstall
  '';
  dontStrip = true;
  dontFixup = true;
  passthru = { inherit source ddrBlob code; };
  meta = extraMeta;
}
