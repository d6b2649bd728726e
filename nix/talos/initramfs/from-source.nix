# SPDX-License-Identifier: MPL-2.0
# The initramfs of the payload from source: Talos' init, and a root of Debian arm64 packages with Talos' machined,
# containerd, CNI plugins and this kernel's modules.
# Arguments: `node-root` (cmd/node-root), `machined` (nix/talos/talos.nix), `containerd`, `cni` (a list) and `kernel` (release,
# lib/modules). Outputs: the file.
{
  stdenvNoCC,
  cpio,
  dpkg,
  kmod,
  node-root,
  squashfs-tools-ng,
  zstd,
  sources,
  machined,
  containerd,
  cni,
  kernel,
}:
stdenvNoCC.mkDerivation {
  name = "initramfs-talos-${machined.version}.zst";
  nativeBuildInputs = [
    cpio
    dpkg
    kmod
    node-root
    squashfs-tools-ng
    zstd
  ];
  debs = sources.nodePackages;
  init = "${machined}/bin/init";
  machined = "${machined}/bin/machined";
  containerd = "${containerd}/bin";
  cni = map (plugins: "${plugins}/bin") cni;
  osRelease = "${machined}/share/talos/os-release";
  modules = kernel;
  rootfs = ./rootfs;
  buildCommand = ''
    export release=$(cat ${kernel}/release)
    bash $rootfs/assemble.sh
  '';
}
