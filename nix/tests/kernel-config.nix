# SPDX-License-Identifier: MPL-2.0
# The kernel has what Talos, Kubernetes and the network plugins ask of it and what Talos' own kernel has, is hardened but
# for listed settings, and drives every enabled node of the board's device trees. Talos' own kernels drive those too, but for
# what is listed. Compiles no kernel.
# Arguments: `configuration` (nix/kernel/configuration.nix) and the kernel's `source`.
{
  lib,
  stdenvNoCC,
  dpkg,
  kernel-hardening-checker,
  kernel-check,
  configuration,
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
  unpackPhase = import ../kernel/unpack.nix { };
  needs = ../kernel/needs;
  talos = ../kernel/talos;
  buildPhase = ''
    kernel-check needs ${configuration}/config $needs/software
    kernel-check parity ${configuration}/config . $needs/parity.yaml $talos/options-*
    kernel-hardening-checker -m json -c ${configuration}/config >report.json
    kernel-check hardening report.json $needs/hardening.yaml
    trees="${lib.concatMapStringsSep " " (name: "${dtb}/rockchip/${name}") (import ../board.nix).deviceTrees}"
    for tree in $trees; do
      kernel-check devices ${configuration}/config $tree . $needs/device-tree.yaml
    done
    for line in 1.10 1.14; do
      kernel-check stock $talos/options-$line . $needs/device-tree.yaml $needs/software/board.yaml $talos/lacks-$line.yaml $trees
    done
  '';
  installPhase = "touch $out";
  dontFixup = true;
}
