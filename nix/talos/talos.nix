# SPDX-License-Identifier: MPL-2.0
# Talos' own programs from its Go module, for the set's host platform. Arguments: `packages`, below the module's path.
# Outputs: bin/… and share/talos/os-release.
{
  lib,
  buildGoModule,
  packages,
}:
import ../go-required.nix { inherit buildGoModule; } {
  # One name for all of them: they share the fetched modules.
  pname = "talos";
  version = lib.removePrefix "v" (import ./versions.nix).fromSource;
  module = ./talos;
  project = "github.com/siderolabs/talos";
  inherit packages;
  projectPatches = [
    ../../patches/talos/0001-grub-configuration-old-or-new.patch
    ../../patches/talos/0003-meta-one-copy-after-the-other.patch
  ];
  tags = [
    "tcell_minimal"
    "grpcnotrace"
  ];
  postInstall = ''
    install -Dm644 vendor/github.com/siderolabs/talos/pkg/machinery/version/os-release $out/share/talos/os-release
  '';
  meta.license = lib.licenses.mpl20;
}
