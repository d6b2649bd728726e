# SPDX-License-Identifier: MPL-2.0
# staticcheck, from its Go module, has nothing to say of the Go packages.
{
  lib,
  buildGoModule,
}:
let
  module = import ../go-module.nix { inherit lib; };
  staticcheck = import ../go-required.nix { inherit buildGoModule; } {
    pname = "staticcheck";
    version = "0.8.2";
    module = ./staticcheck;
    project = "honnef.co/go/tools";
    packages = [ "cmd/staticcheck" ];
  };
in
module.build buildGoModule {
  pname = "lint";
  version = "0";
  src = module.everything;
  nativeBuildInputs = [ staticcheck ];
  buildPhase = ''
    export XDG_CACHE_HOME=$NIX_BUILD_TOP/cache
    staticcheck ./...
  '';
  doCheck = false;
  installPhase = "touch $out";
  passthru = { inherit staticcheck; };
}
