#!@busybox@/bin/sh
# SPDX-License-Identifier: MPL-2.0
# @program@ as nixpkgs' wrapper calls it (pkgs/build-support/bintools-wrapper): with the hardening that is a linker's, and
# NIX_LDFLAGS. nix/debian/tree.sh fills in @…@; the variables are nix/debian/compiler.sh's.
if [ -n "${nixCross:-}" ] && [ "@target@" = build ]; then
  hardening=${NIX_HARDENING_ENABLE_FOR_BUILD:-} ldflags=${NIX_LDFLAGS_FOR_BUILD:-}
else
  hardening=${NIX_HARDENING_ENABLE:-} ldflags=${NIX_LDFLAGS:-}
fi
for flag in $hardening; do
  case $flag in
  relro) ldflags="$ldflags -z relro" ;;
  bindnow) ldflags="$ldflags -z now" ;;
  esac
done
set -f
# shellcheck disable=SC2086 # lists of flags
exec /usr/bin/@program@ "$@" $ldflags
