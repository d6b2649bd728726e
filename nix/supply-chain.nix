# SPDX-License-Identifier: MPL-2.0
# The programs that write and check SBOM and provenance, with their tests. Outputs: bin/sbom and bin/provenance-check.
{ buildGoModule, go-lint }:
buildGoModule {
  pname = "supply-chain";
  version = "0";
  src = ./supply-chain;
  vendorHash = (import ./vendor-hashes.nix).supply-chain;
  subPackages = [
    "sbom"
    "provenance-check"
  ];
  env.CGO_ENABLED = 0;
  ldflags = [
    "-s"
    "-w"
  ];
  doCheck = true;
  nativeBuildInputs = [ go-lint ];
  checkPhase = ''
    go-lint ./...
    go test ./...
  '';
}
