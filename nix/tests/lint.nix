# SPDX-License-Identifier: MPL-2.0
# gofmt, vet and staticcheck have nothing to say of the Go packages, and m6 compiles for macOS and Windows. (The modules beside
# this one: each in its own check.)
{
  lib,
  buildGoModule,
  go-lint,
}:
let
  module = import ../go-module.nix { inherit lib; };
in
module.build buildGoModule {
  pname = "lint";
  version = "0";
  src = module.only (module.code ++ [ (lib.fileset.fileFilter (file: lib.hasSuffix ".go" file.name) ../../docs) ]);
  nativeBuildInputs = [ go-lint ];
  buildPhase = ''
    go-lint -tags dtb,lists,qemu ./...
    # m6 is for other systems too, on which nothing here runs.
    for system in darwin/amd64 darwin/arm64 windows/amd64; do
      GOOS=''${system%/*} GOARCH=''${system#*/} CGO_ENABLED=0 go build -o /dev/null ./cmd/m6
    done
  '';
  doCheck = false;
  installPhase = "touch $out";
}
