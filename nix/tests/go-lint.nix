# SPDX-License-Identifier: MPL-2.0
# What every Go module here passes: golangci-lint, as .golangci.yml has it. Outputs: bin/go-lint, which takes packages of the
# module it stands in.
{
  buildGoModule,
  runCommand,
  runtimeShell,
}:
let
  golangci-lint = import ../go-required.nix { inherit buildGoModule; } {
    pname = "golangci-lint";
    version = "2.15.0";
    module = ./golangci-lint;
    project = "github.com/golangci/golangci-lint/v2";
    packages = [ "cmd/golangci-lint" ];
  };
in
runCommand "go-lint" { passthru = { inherit golangci-lint; }; } ''
  mkdir -p $out/bin
  cat >$out/bin/go-lint <<'END'
  #!${runtimeShell}
  GOLANGCI_LINT_CACHE=$NIX_BUILD_TOP/golangci-lint exec ${golangci-lint}/bin/golangci-lint run --config ${../../.golangci.yml} "$@"
  END
  chmod +x $out/bin/go-lint
''
