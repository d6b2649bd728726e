# SPDX-License-Identifier: MPL-2.0
# A kernel that trusts one certificate, and its modules signed with that certificate's key: what Talos'
# module.sig_enforce=1 asks for. One build of the kernel serves every key, and the same key gives the same bits.
# Takes `kernel` (nix/kernel/linux.nix), `moduleKey` and `moduleCertificate` (PEM files). The default is the pair beside
# this file, which is published: it makes the image reproducible and keeps nobody out. docs/building.md tells how to hand
# in your own.
# Gives Image, lib/modules, release, config.
{
  stdenv,
  openssl,
  kernel,
  moduleKey ? ./config/published-key.pem,
  moduleCertificate ? ./config/published-certificate.pem,
}:
stdenv.mkDerivation {
  name = "${kernel.name}-signed";
  nativeBuildInputs = [ openssl ];
  env.OBJCOPY = "${stdenv.cc.targetPrefix}objcopy";
  sign = ./config/sign;
  inherit moduleKey moduleCertificate;
  buildCommand = ''
    sh $sign ${kernel} $moduleKey $moduleCertificate $out
    cp ${kernel}/release ${kernel}/config $out/
  '';
  passthru = { inherit (kernel) version; };
}
