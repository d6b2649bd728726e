# SPDX-License-Identifier: MPL-2.0
# The Talos imager, from its Go module. Outputs: bin/imager (the program looks at the name it is called by).
{
  lib,
  buildGoModule,
}:
import ../go-required.nix { inherit buildGoModule; } {
  pname = "talos-imager";
  version = "1.13.9";
  module = ./imager;
  project = "github.com/siderolabs/talos";
  packages = [ "cmd/installer" ];
  tags = [
    "tcell_minimal"
    "grpcnotrace"
  ];
  postInstall = "mv $out/bin/installer $out/bin/imager";
  meta = {
    mainProgram = "imager";
    license = lib.licenses.mpl20;
  };
}
