# SPDX-License-Identifier: MPL-2.0
# Talos' imager, from its Go module. Gives bin/imager (the program looks at the name it is called by).
{
  lib,
  buildGoModule,
}:
buildGoModule {
  pname = "talos-imager";
  version = "1.13.9";
  src = ./imager;
  vendorHash = (import ../vendor-hashes.nix).imager;
  # Go takes ./vendor/X for the package X.
  subPackages = [ "vendor/github.com/siderolabs/talos/cmd/installer" ];
  tags = [
    "tcell_minimal"
    "grpcnotrace"
  ];
  env.CGO_ENABLED = 0;
  ldflags = [
    "-s"
    "-w"
  ];
  doCheck = false;
  postInstall = "mv $out/bin/installer $out/bin/imager";
  meta = {
    mainProgram = "imager";
    license = lib.licenses.mpl20;
  };
}
