# SPDX-License-Identifier: MPL-2.0
# The image becomes a node: it takes a machine configuration and keeps it over a reboot, on encrypted volumes (nix/tests/programs/node).
{
  buildGoModule,
  go-lint,
  qemu,
  zstd,
  sdImage,
  u-boot-qemu,
}:
buildGoModule {
  pname = "node";
  version = "0";
  src = ./programs/node;
  vendorHash = (import ../vendor-hashes.nix).node;
  nativeBuildInputs = [
    go-lint
    qemu
    zstd
  ];
  env = {
    CGO_ENABLED = 0;
    NODE_IMAGE = "${sdImage}/${sdImage.fileName}";
    NODE_FIRMWARE = "${u-boot-qemu}/u-boot.bin";
  };
  buildPhase = "go-lint .";
  doCheck = true;
  checkPhase = "go test -v -timeout 40m .";
  installPhase = "touch $out";
}
