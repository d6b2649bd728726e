# SPDX-License-Identifier: MPL-2.0
# A check from the tests of a node, which have a Go module of their own (nix/tests/programs/node).
# Arguments: `flags` of `go test`, `tags` (Go's, or ""), `files` (what is taken of that module beside what all share, so that
# a change of the rest does not have the check run again; without, all of it), and what else buildGoModule takes. Outputs: log.
{
  lib,
  buildGoModule,
  go-lint,
  sdImage,
  start-qemu,
}:
{
  flags,
  tags ? "",
  files ? null,
  nativeBuildInputs,
  env,
  ...
}@arguments:
let
  module = ./programs/node;
  shared = [
    "go.mod"
    "go.sum"
    "machine_test.go"
  ];
in
buildGoModule (
  removeAttrs arguments [
    "flags"
    "tags"
    "files"
  ]
  // {
    version = "0";
    src = lib.fileset.toSource {
      root = module;
      fileset =
        if files == null then
          module
        else
          lib.fileset.unions (map (name: module + "/${name}") (shared ++ files));
    };
    vendorHash = (import ../vendor-hashes.nix).node;
    # One name for all of them: they share the dependencies.
    overrideModAttrs = _: { name = "node-0-go-modules"; };
    nativeBuildInputs = [ go-lint ] ++ nativeBuildInputs;
    env = {
      CGO_ENABLED = 0;
      NODE_START = "${start-qemu}/bin/start-qemu";
      NODE_IMAGE = "${sdImage}/${sdImage.fileName}";
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
