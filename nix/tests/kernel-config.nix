# SPDX-License-Identifier: MPL-2.0
# The kernel has what Talos, Kubernetes and the network plugins ask of it, is hardened but for listed settings, and drives
# every enabled node of the board's device tree.
{
  stdenvNoCC,
  dpkg,
  kernel-hardening-checker,
  kernel-check,
  kernel,
  dtb,
  source,
}:
stdenvNoCC.mkDerivation {
  pname = "kernel-config";
  inherit (source) version src;
  nativeBuildInputs = [
    dpkg
    kernel-hardening-checker
    kernel-check
  ];
  unpackPhase = import ../kernel/unpack.nix;
  needs = ../kernel/needs;
  buildPhase = ''
    kernel-check needs ${kernel}/config $needs/software
    kernel-hardening-checker -m json -c ${kernel}/config >report.json
    kernel-check hardening report.json $needs/hardening.yaml
    kernel-check devices ${kernel}/config ${dtb}/rockchip/rk3588s-nanopi-m6.dtb . $needs/device-tree.yaml
  '';
  installPhase = "touch $out";
  dontFixup = true;
}
