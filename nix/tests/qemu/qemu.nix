# SPDX-License-Identifier: MPL-2.0
# QEMU with one machine, nanopi-m6: Debian's source, the patches, the models of hw/. Outputs: bin/qemu-system-aarch64.
# `libraries`: what whoever runs it has to have as an input.
{
  stdenv,
  dtc,
  glib,
  libslirp,
  meson,
  ninja,
  pkg-config,
  python3,
  sources,
}:
let
  libraries = [
    dtc
    glib
    libslirp
  ];
in
stdenv.mkDerivation {
  pname = "qemu-nanopi-m6";
  inherit (sources.qemu) version src;
  patches = [
    ./patches/0001-build-without-firmware-and-test-suites.patch
    ./patches/0002-hw-rockchip-a-directory-for-Rockchips-SoCs.patch
    ./patches/0003-target-arm-RMR_EL3-resets-the-core.patch
    ./patches/0004-target-arm-power-control-registers-of-A55-and-A76.patch
    ./patches/0005-target-arm-STANDBYWFI-for-power-controllers.patch
    ./patches/0006-hw-intc-GICv3-wakes-a-sleeping-core.patch
    ./patches/0007-hw-sd-cards-beside-sd.c-and-data-in-blocks.patch
    ./patches/0008-hw-sd-SDHCI-says-when-a-tuning-block-is-there.patch
    ./patches/0009-hw-usb-DWC3-takes-the-event-ring-by-its-lower-half.patch
    ./patches/0010-hw-sd-SDMA-goes-on-after-its-boundary.patch
  ];
  postPatch = ''
    cp -r ${./hw} hw/rockchip
    cp ${./nanopi-m6.mak} configs/devices/aarch64-softmmu/nanopi-m6.mak
    chmod -R u+w hw/rockchip configs/devices/aarch64-softmmu
    patchShebangs .
  '';
  nativeBuildInputs = [
    meson
    ninja
    pkg-config
    python3
  ];
  buildInputs = libraries;
  configurePhase = ''
    runHook preConfigure
    mkdir build
    cd build
    ../configure --target-list=aarch64-softmmu --with-devices-aarch64=nanopi-m6 \
      --without-default-features --without-default-devices --enable-system --enable-tcg --enable-slirp \
      --enable-fdt=system --enable-trace-backends=log --disable-download --disable-install-blobs --disable-docs \
      --disable-debug-info --disable-werror
    runHook postConfigure
  '';
  buildPhase = ''
    runHook preBuild
    ninja -j "$NIX_BUILD_CORES" qemu-system-aarch64
    runHook postBuild
  '';
  installPhase = ''
    runHook preInstall
    install -D qemu-system-aarch64 $out/bin/qemu-system-aarch64
    runHook postInstall
  '';
  passthru = { inherit libraries; };
  meta.description = "QEMU with a model of the FriendlyElec NanoPi M6";
}
