# SPDX-License-Identifier: MPL-2.0
# shellcheck shell=bash
# Nix' settings for the embedded package set. A daemon, where there is one, has its own.
NIX_CONFIG="substituters =
${NIX_CONFIG:-}"
# Root without a daemon has no build users unless somebody made them.
getent group nixbld >/dev/null || NIX_CONFIG="build-users-group =
$NIX_CONFIG"
export NIX_CONFIG
# The module proxy of this machine's Go, if it has one that is set up; else Go's own default.
if [ -z "${GOPROXY:-}" ] && command -v go >/dev/null; then
  GOPROXY=$(go env GOPROXY)
  export GOPROXY
fi
