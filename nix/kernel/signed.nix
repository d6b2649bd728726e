# SPDX-License-Identifier: MPL-2.0
# A kernel that trusts one certificate, and its modules signed with that certificate's key: what Talos'
# module.sig_enforce=1 asks for. One build of the kernel serves every key, and with the same key it is bit-for-bit identical.
# Arguments: `kernel` (nix/kernel/linux.nix), `moduleKey` and `moduleCertificate` (PEM files). The default is the pair beside
# this file, which is published: it makes the image reproducible and keeps nobody out. docs/building.md tells how to hand
# in your own.
# Outputs: Image, lib/modules, release, config.
{
  stdenv,
  kernel,
  moduleKey ? ./config/published-key.pem,
  moduleCertificate ? ./config/published-certificate.pem,
}:
stdenv.mkDerivation {
  name = "${kernel.name}-signed";
  # The kernel's own, openssl among them: with the embedded package set that is one file tree less to make.
  inherit (kernel) nativeBuildInputs;
  env.OBJCOPY = "${stdenv.cc.targetPrefix}objcopy";
  sign = ./config/sign;
  inherit moduleKey moduleCertificate;
  buildCommand = ''
    sh $sign ${kernel} $moduleKey $moduleCertificate $out
    cp ${kernel}/release ${kernel}/config $out/
  '';
  passthru = { inherit (kernel) version; };
}
