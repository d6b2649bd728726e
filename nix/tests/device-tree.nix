# SPDX-License-Identifier: MPL-2.0
# The board's trees compile without a warning, hold against the kernel's bindings, and say what is known of the board.
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
  module = import ../go-module.nix { inherit lib; };
in
module.build buildGoModule {
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
    sh ${../../dts}/check.sh ${dtSources} $NIX_BUILD_TOP/trees
  '';
  doCheck = true;
  checkPhase = ''
    M6_FACTS=${../../dts/facts.yaml} M6_UBOOT_DTB=${u-boot}/u-boot.dtb \
      M6_DTB=${
        lib.concatStringsSep ":" (map (name: "$NIX_BUILD_TOP/trees/${name}") (import ../board.nix).deviceTrees)
      } \
      go test -tags dtb ./nix/tests/programs/device-tree
  '';
  installPhase = "touch $out";
}
