# SPDX-License-Identifier: MPL-2.0
# golangci-lint has nothing to say of the Go packages (.golangci.yml). The modules beside this one: each in its own check.
{
  lib,
  buildGoModule,
  go-lint,
}:
let
  module = import ../go-module.nix { inherit lib; };
in
module.check buildGoModule {
  pname = "lint";
  version = "0";
  src = module.only (module.code ++ [ (lib.fileset.fileFilter (file: lib.hasSuffix ".go" file.name) ../../docs) ]);
  nativeBuildInputs = [ go-lint ];
  buildPhase = "go-lint ./...";
  doCheck = false;
  installPhase = "touch $out";
}
