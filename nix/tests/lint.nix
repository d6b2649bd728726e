# SPDX-License-Identifier: MPL-2.0
# staticcheck, from its Go module, has nothing to say of the Go packages.
{
  lib,
  buildGoModule,
}:
let
  hashes = import ../vendor-hashes.nix;
  staticcheck = import ../go-required.nix { inherit buildGoModule; } {
    pname = "staticcheck";
    version = "0.8.2";
    src = ./staticcheck;
    vendorHash = hashes.staticcheck;
    project = "honnef.co/go/tools";
    packages = [ "cmd/staticcheck" ];
  };
in
buildGoModule {
  pname = "lint";
  version = "0";
  src = (import ../go-source.nix { inherit lib; }).everything;
  vendorHash = hashes.root;
  overrideModAttrs = _: { name = "nanopi-m6-go-modules"; };
  nativeBuildInputs = [ staticcheck ];
  env.CGO_ENABLED = 0;
  buildPhase = ''
    export XDG_CACHE_HOME=$NIX_BUILD_TOP/cache
    staticcheck ./...
  '';
  doCheck = false;
  installPhase = "touch $out";
  passthru = { inherit staticcheck; };
}
