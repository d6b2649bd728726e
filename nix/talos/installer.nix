# SPDX-License-Identifier: MPL-2.0
# Talos' installer from its Go module, for the set's host platform: what runs on a node for an installation or an upgrade.
# Outputs: bin/installer.
{
  lib,
  buildGoModule,
}:
import ../go-required.nix { inherit buildGoModule; } {
  pname = "talos-installer";
  version = "1.10.6";
  module = ./installer;
  project = "github.com/siderolabs/talos";
  packages = [ "cmd/installer" ];
  projectPatches = [
    ../../patches/talos/0001-grub-configuration-old-or-new.patch
    ../../patches/talos/0002-install-grub-where-firmware-takes-no-variables.patch
    ../../patches/talos/0003-meta-one-copy-after-the-other.patch
  ];
  tags = [
    "tcell_minimal"
    "grpcnotrace"
  ];
  meta = {
    mainProgram = "installer";
    license = lib.licenses.mpl20;
  };
}
