# SPDX-License-Identifier: MPL-2.0
# The configuration of one flavour's kernel, without compiling it: the fragments in ./config over `source`.
# Arguments: `flavour` (a name), `source` ({ version, src }) and `kernelConfig` (a file with options of one's own, which win,
# or null).
# Outputs: config (.config) and left-out (what the flavour's base is too old for, one option a line).
{
  lib,
  stdenv,
  bc,
  bison,
  buildPackages,
  cpio,
  dpkg,
  elfutils,
  flex,
  kmod,
  openssl,
  pahole,
  perl,
  python3,
  zlib,
  flavour,
  source,
  kernelConfig ? null,
}:
let
  # Not the keys and what signs with them: those come after the build.
  config = lib.fileset.toSource {
    root = ./config;
    fileset = lib.fileset.unions [
      ./config/merge
      ./config/since
      ./config/talos.config
      ./config/workloads.config
      ./config/devices.config
      ./config/rk3588.config
      ./config/board.config
      ./config/virt.config
      ./config/hardening.config
    ];
  };
in
stdenv.mkDerivation {
  pname = "linux-${flavour}-config";
  inherit (source) version src;
  # The kernel's too: with the embedded package set that is one file tree less to make.
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
    # The kernel's resolve_btfids links it.
    zlib
  ];
  # The kernel's own build programs (HOSTCC).
  depsBuildBuild = [ buildPackages.stdenv.cc ];
  hardeningDisable = [ "all" ];

  unpackPhase = import ./unpack.nix { };
  env = lib.optionalAttrs (kernelConfig != null) { KERNEL_CONFIG = "${kernelConfig}"; };
  configurePhase = ''
    runHook preConfigure
    patchShebangs scripts
    sh ${config}/merge "$PWD" ../build CROSS_COMPILE=${stdenv.cc.targetPrefix}
    runHook postConfigure
  '';
  dontBuild = true;
  installPhase = ''
    runHook preInstall
    mkdir $out
    cp ../build/.config $out/config
    cp ../build/left-out $out/
    runHook postInstall
  '';
  dontFixup = true;
}
