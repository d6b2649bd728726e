# SPDX-License-Identifier: MPL-2.0
# The board's boot loader: U-Boot with our configuration and device tree, BL31 and the DDR blob.
# Takes `source` ({ version, src }), `tfa` (with bl31.elf) and `ddrBlob` (nix/boot/ddr-blob.nix).
# Gives u-boot-rockchip.bin (at 32 KiB of a medium), u-boot-rockchip-spi.bin and the proper device tree.
{
  lib,
  buildUBoot,
  source,
  tfa,
  ddrBlob,
}:
let
  board = ./u-boot;
  trees = ../../dts;
  patches = ../../patches/u-boot;
in
(buildUBoot {
  inherit (source) version src;
  defconfig = "nanopi-m6-rk3588s_defconfig";
  # All of them, in the order of their numbers.
  patches = map (name: "${patches}/${name}") (
    lib.filter (lib.hasSuffix ".patch") (builtins.attrNames (builtins.readDir patches))
  );
  postPatch = ''
    patchShebangs tools scripts
    cp ${board}/* configs/
    cp ${trees}/rk3588s-nanopi-m6.dts dts/upstream/src/arm64/rockchip/
    cp ${trees}/rk3588s-nanopi-m6-u-boot.dtsi arch/arm/dts/
    chmod -R u+w configs dts arch
  '';
  BL31 = "${tfa}/bl31.elf";
  ROCKCHIP_TPL = ddrBlob.tpl;
  filesToInstall = [
    "u-boot-rockchip.bin"
    "u-boot-rockchip-spi.bin"
    "idbloader.img"
    "u-boot.itb"
    ".config"
  ];
  extraMeta = {
    platforms = [ "aarch64-linux" ];
    license = [
      lib.licenses.gpl2Plus
    ];
  };
}).overrideAttrs
  (_: {
    # The name says what the loader can do.
    name = "u-boot-nanopi-m6-${source.version}${lib.optionalString ddrBlob.standIn "-no-ddr-blob"}";
    passthru = { inherit ddrBlob; };
  })
