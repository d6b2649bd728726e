# SPDX-License-Identifier: MPL-2.0
# The board's trees compile without a warning, hold against the bindings of each kernel, and say what is known of the board.
# Arguments: `dtSources`, a list of what nix/kernel/dt-sources.nix gives.
{
  lib,
  buildGoModule,
  dt-schema,
  dtc,
  stdenv,
  dtSources,
  u-boot,
}:
let
  board = import ../board.nix;
  module = import ../go-module.nix { inherit lib; };
in
module.check buildGoModule {
  pname = "device-tree";
  version = "0";
  src = module.only [
    ./programs/device-tree
    ../../internal/fdt
  ];
  nativeBuildInputs = [
    dt-schema
    dtc
    stdenv.cc # cpp
  ];
  buildPhase = ''
    ${lib.concatMapStringsSep "\n" (sources: ''
      echo "Linux ${sources.version}"
      sh ${../../dts}/check.sh ${sources} $NIX_BUILD_TOP/trees-${sources.version} ${board.deviceTree}
    '') dtSources}
  '';
  doCheck = true;
  checkPhase = ''
    BOARD_FACTS=${../../dts + "/${board.name}.facts.yaml"} BOARD_UBOOT_DTB=${u-boot}/u-boot.dtb \
      BOARD_DTB=${
        lib.concatStringsSep ":" (
          lib.concatMap (
            sources: map (name: "$NIX_BUILD_TOP/trees-${sources.version}/${name}") board.deviceTrees
          ) dtSources
        )
      } \
      go test -tags dtb ./nix/tests/programs/device-tree
  '';
  installPhase = "touch $out";
}
