# SPDX-License-Identifier: MPL-2.0
# The built installer works with the overlay executor of Talos `release`: Talos' own code calls it, with options that arrive
# and errors that a person reads (nix/tests/programs/executor).
{
  lib,
  buildGoModule,
  go-lint,
  installer,
  # Makes an overlay's artifacts around a loader that looks complete, or around a stand-in.
  artifacts,
  release,
}:
buildGoModule {
  pname = "executor-${release}";
  version = "0";
  src = lib.fileset.toSource {
    root = ./programs/executor;
    fileset = lib.fileset.unions [
      ./programs/executor/v1.13/cases_test.go
      (./programs/executor + "/${release}")
    ];
  };
  modRoot = release;
  vendorHash = (import ../vendor-hashes.nix)."executor-${builtins.replaceStrings [ "v" "." ] [ "" "-" ] release}";
  env = {
    CGO_ENABLED = 0;
    OVERLAY_BOARD = ../../internal/board/board.json;
  };
  nativeBuildInputs = [ go-lint ];
  buildPhase = "go-lint .";
  doCheck = true;
  checkPhase = ''
    ${lib.getExe artifacts} $NIX_BUILD_TOP/artifacts
    ${lib.getExe artifacts} -stand-in $NIX_BUILD_TOP/stand-in
    OVERLAY_INSTALLER=${lib.getExe installer} OVERLAY_ARTIFACTS=$NIX_BUILD_TOP/artifacts \
      OVERLAY_ARTIFACTS_STAND_IN=$NIX_BUILD_TOP/stand-in go test -v .
  '';
  installPhase = "touch $out";
}
