# SPDX-License-Identifier: MPL-2.0
# One of this repository's own Go programs, static.
# Arguments: `package` (its directory below the root) and `internal` (the packages below internal/ that it uses: what else
# changes does not rebuild it), `extra` (what else buildGoModule takes). Outputs: bin/NAME.
{
  lib,
  buildGoModule,
  package,
  internal ? [ ],
  extra ? { },
}:
let
  module = import ./go-module.nix { inherit lib; };
  # A changed test changes no program.
  withoutTests = lib.fileset.fileFilter (file: !lib.hasSuffix "_test.go" file.name);
in
module.build buildGoModule (
  {
    pname = baseNameOf package;
    version = "0";
    src = module.only (
      map withoutTests ([ (../. + "/${package}") ] ++ map (name: ../internal + "/${name}") internal)
    );
    subPackages = [ package ];
    ldflags = [
      "-s"
      "-w"
    ];
    # Tests run once, for all packages: nix/tests/go.nix.
    doCheck = false;
    meta = {
      mainProgram = baseNameOf package;
      license = lib.licenses.mpl20;
    };
  }
  // extra
)
