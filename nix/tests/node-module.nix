# SPDX-License-Identifier: MPL-2.0
# A check from the tests of a node, which have a Go module of their own (nix/tests/programs/node).
# Arguments: `flags` of `go test`, `tags` (Go's, or ""), `without` (files of other checks, which would have this one run
# again), and what else buildGoModule takes. Outputs: log.
{
  lib,
  buildGoModule,
  go-lint,
}:
{
  flags,
  tags ? "",
  without ? [ ],
  nativeBuildInputs,
  env,
  ...
}@arguments:
buildGoModule (
  removeAttrs arguments [
    "flags"
    "tags"
    "without"
  ]
  // {
    version = "0";
    src = lib.fileset.toSource {
      root = ./programs/node;
      fileset = lib.fileset.fileFilter (file: !builtins.elem file.name without) ./programs/node;
    };
    vendorHash = (import ../vendor-hashes.nix).node;
    # One name for all of them: they share the dependencies.
    overrideModAttrs = _: { name = "node-0-go-modules"; };
    nativeBuildInputs = [ go-lint ] ++ nativeBuildInputs;
    env = {
      CGO_ENABLED = 0;
    }
    // env;
    # What `node` does not run is looked at in it as well.
    buildPhase = "go-lint .";
    doCheck = true;
    checkPhase = ''
      set -o pipefail
      go test -v ${flags} -tags '${tags}' . | tee $NIX_BUILD_TOP/log
    '';
    installPhase = "install -Dm644 $NIX_BUILD_TOP/log $out/log";
  }
)
