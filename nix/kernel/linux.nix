# SPDX-License-Identifier: MPL-2.0
# The kernel of one flavour, from the fragments in ./config.
# Takes `flavour` (a name) and `source` ({ version, src }: a Debian linux-source package or a source tree).
# Gives Image, vmlinux (stripped of DWARF, for the certificate's insertion), System.map, config, release, lib/modules.
{
  lib,
  stdenv,
  bc,
  bison,
  cpio,
  dpkg,
  elfutils,
  flex,
  kmod,
  openssl,
  pahole,
  perl,
  python3,
  flavour,
  source,
}:
stdenv.mkDerivation {
  pname = "linux-${flavour}";
  inherit (source) version src;
  nativeBuildInputs = [
    bc
    bison
    cpio
    dpkg
    elfutils
    flex
    kmod
    openssl
    pahole
    perl
    python3
  ];
  depsBuildBuild = [ ];
  enableParallelBuilding = true;

  unpackPhase = import ./unpack.nix;

  # Nothing of the build's time, place or user goes into the bits.
  env = {
    KBUILD_BUILD_TIMESTAMP = "1980-01-01 00:00:00 UTC";
    KBUILD_BUILD_USER = "nix";
    KBUILD_BUILD_HOST = "nix";
    KBUILD_BUILD_VERSION = "1";
  };
  makeFlags = [
    "ARCH=arm64"
    "CROSS_COMPILE=${stdenv.cc.targetPrefix}"
    "O=../build"
  ];

  configurePhase = ''
    runHook preConfigure
    patchShebangs scripts
    bash ${./config}/merge "$PWD" ../build CROSS_COMPILE=${stdenv.cc.targetPrefix}
    runHook postConfigure
  '';
  buildFlags = [
    "Image"
    "modules"
  ];
  installPhase = ''
    runHook preInstall
    make $makeFlags INSTALL_MOD_PATH=$out INSTALL_MOD_STRIP=1 DEPMOD=true modules_install
    release=$(cat ../build/include/config/kernel.release)
    rm -f $out/lib/modules/$release/{build,source}
    echo "$release" >$out/release
    cp ../build/arch/arm64/boot/Image ../build/System.map $out/
    cp ../build/.config $out/config
    ${stdenv.cc.targetPrefix}strip --strip-debug -o $out/vmlinux ../build/vmlinux
    runHook postInstall
  '';
  dontStrip = true;
  dontFixup = true;
  meta = {
    license = lib.licenses.gpl2Only;
    platforms = [ "aarch64-linux" ];
  };
}
