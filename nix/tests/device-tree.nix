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
buildGoModule {
  pname = "device-tree";
  version = "0";
  src = (import ../go-source.nix { inherit lib; }).only [
    ./programs/device-tree
    ../../internal/fdt
  ];
  vendorHash = (import ../vendor-hashes.nix).root;
  overrideModAttrs = _: {
    name = "nanopi-m6-go-modules";
    src = (import ../go-source.nix { inherit lib; }).everything;
  };
  nativeBuildInputs = [
    dt-schema
    dtc
    stdenv.cc # cpp
  ];
  env.CGO_ENABLED = 0;
  buildPhase = ''
    sh ${../../dts}/check.sh ${dtSources} $NIX_BUILD_TOP/trees
  '';
  doCheck = true;
  checkPhase = ''
    M6_DTB=$NIX_BUILD_TOP/trees/rk3588s-nanopi-m6.dtb M6_UBOOT_DTB=${u-boot}/u-boot.dtb \
      go test -tags dtb ./nix/tests/programs/device-tree
  '';
  installPhase = "touch $out";
}
