# SPDX-License-Identifier: MPL-2.0
# What every Go module here passes: gofmt, vet, staticcheck. Outputs: bin/go-lint, which takes go vet's arguments and looks at
# the module it stands in.
{
  buildGoModule,
  runCommand,
  runtimeShell,
}:
let
  staticcheck = import ../go-required.nix { inherit buildGoModule; } {
    pname = "staticcheck";
    version = "0.8.2";
    module = ./staticcheck;
    project = "honnef.co/go/tools";
    packages = [ "cmd/staticcheck" ];
  };
in
runCommand "go-lint" { passthru = { inherit staticcheck; }; } ''
  mkdir -p $out/bin
  cat >$out/bin/go-lint <<'END'
  #!${runtimeShell}
  set -e
  unformatted=$(find . -name '*.go' ! -path './vendor/*' -exec gofmt -l {} +)
  if [ -n "$unformatted" ]; then
    echo "not as gofmt writes it: $unformatted" >&2
    exit 1
  fi
  go vet "$@"
  STATICCHECK_CACHE=$NIX_BUILD_TOP/staticcheck ${staticcheck}/bin/staticcheck "$@"
  END
  chmod +x $out/bin/go-lint
''
