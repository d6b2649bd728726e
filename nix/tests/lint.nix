# SPDX-License-Identifier: MPL-2.0
# gofmt, vet and staticcheck have nothing to say of the Go packages. (The modules beside this one: each in its own check.)
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
  buildPhase = "go-lint -tags dtb,kills,life,lists,qemu ./...";
  doCheck = false;
  installPhase = "touch $out";
}
