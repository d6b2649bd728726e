# SPDX-License-Identifier: MPL-2.0
# `pin` writes what a release's own list says and nothing when that does not verify, against a server that lies in every
# way a server can (cmd/pin/pin_test.go); a wrong call ends with 2.
{
  lib,
  buildGoModule,
  pin,
}:
let
  module = import ../go-module.nix { inherit lib; };
in
module.check buildGoModule {
  pname = "pin-tests";
  version = "0";
  src = module.only [
    ../../cmd/pin
    ../../internal
    ../talos/releases.json
  ];
  buildPhase = ''
    status=0
    ${pin}/bin/pin 1.10.9 || status=$?
    [ $status = 2 ]
  '';
  doCheck = true;
  checkPhase = "go test ./cmd/pin";
  installPhase = "touch $out";
}
