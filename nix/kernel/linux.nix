# SPDX-License-Identifier: MPL-2.0
# The kernel of one flavour.
# Arguments: `flavour` (a name), `source` ({ version, src }: a Debian linux-source package or a source tree) and
# `configuration` (nix/kernel/configuration.nix).
# Outputs: what nix/kernel/signed.nix goes on with: Image, vmlinux (without DWARF), lib/modules, bin/sign-file,
# bin/insert-sys-cert; and System.map, config, release.
{
  lib,
  stdenv,
  flavour,
  source,
  configuration,
}:
stdenv.mkDerivation {
  pname = "linux-${flavour}";
  inherit (source) version src;
  inherit (configuration) nativeBuildInputs depsBuildBuild;
  # The kernel chooses its own.
  hardeningDisable = [ "all" ];
  enableParallelBuilding = true;

  unpackPhase = import ./unpack.nix { };

  # Nothing of the build's time, place or user goes into the bits.
  env = {
    KBUILD_BUILD_TIMESTAMP = "1980-01-01 00:00:00 UTC";
    KBUILD_BUILD_USER = "nix";
    KBUILD_BUILD_HOST = "nix";
    KBUILD_BUILD_VERSION = "1";
    # None of these changes an instruction; together they save a quarter of the compiler's time.
    # Of the debug information only BTF stays (installPhase strips the rest), and BTF has types and the registers
    # of parameters, no lines and no values inside a function. -fno-var-tracking would save more, but then pahole
    # drops two functions of three.
    # Most of a file is its headers, and what they cost is remembering where in which macro each word came from,
    # and looking for warnings, which nobody reads in a released source. What Kbuild makes an error stays one.
    KCFLAGS = lib.concatStringsSep " " [
      "-fno-var-tracking-assignments"
      "-gno-variable-location-views"
      "-gno-statement-frontiers"
      "-gno-column-info"
      "-ftrack-macro-expansion=0"
      "-Wno-all"
      # Of a kernel's frame pointers the leaf functions' are no use, and GCC leaves them out; nixpkgs' compilers keep them.
      "-momit-leaf-frame-pointer"
    ];
  };
  makeFlags = [
    "ARCH=arm64"
    "CROSS_COMPILE=${stdenv.cc.targetPrefix}"
    "O=../build"
  ];

  configurePhase = ''
    runHook preConfigure
    patchShebangs scripts
    mkdir ../build
    cp ${configuration}/config ../build/.config
    chmod u+w ../build/.config
    make -s $makeFlags olddefconfig
    # The same tools make the same of it.
    cmp ${configuration}/config ../build/.config
    runHook postConfigure
  '';
  # Kbuild has a variable of that name, and takes the environment's where it sets none.
  preBuild = "unset src";
  buildFlags = [
    "Image"
    "modules"
  ];
  installPhase = ''
    runHook preInstall
    make -j$NIX_BUILD_CORES $makeFlags INSTALL_MOD_PATH=$out INSTALL_MOD_STRIP=1 DEPMOD=true modules_install
    release=$(cat ../build/include/config/kernel.release)
    rm -f $out/lib/modules/$release/{build,source}
    echo "$release" >$out/release
    cp ../build/arch/arm64/boot/Image ../build/System.map $out/
    cp ../build/.config $out/config
    mkdir $out/bin
    cp ../build/scripts/sign-file ../build/scripts/insert-sys-cert $out/bin/
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
