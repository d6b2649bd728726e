# SPDX-License-Identifier: MPL-2.0
# The image becomes a node: it takes a machine configuration and keeps it over a reboot, on encrypted volumes (nix/tests/programs/node).
{
  buildGoModule,
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
    qemu
    zstd
  ];
  env = {
    CGO_ENABLED = 0;
    NODE_IMAGE = "${sdImage}/${sdImage.fileName}";
    NODE_FIRMWARE = "${u-boot-qemu}/u-boot.bin";
  };
  buildPhase = ''
    unformatted=$(gofmt -l *.go)
    [ -z "$unformatted" ] || { echo "not as gofmt writes it: $unformatted" >&2; exit 1; }
    go vet .
  '';
  doCheck = true;
  checkPhase = "go test -v -timeout 40m .";
  installPhase = "touch $out";
}
