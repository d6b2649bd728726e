#!@busybox@/bin/sh
# SPDX-License-Identifier: MPL-2.0
# @program@ as nixpkgs' wrapper calls it (pkgs/build-support/cc-wrapper): with the frame pointers and the hardening that
# nixpkgs' compilers have, and with NIX_CFLAGS_COMPILE after the build's own flags. nix/debian/tree.sh fills in @…@.
# Reads: NIX_HARDENING_ENABLE, NIX_CFLAGS_COMPILE, NIX_CFLAGS_LINK, NIX_LDFLAGS, each with _FOR_BUILD in a cross build when
# this is the build platform's compiler.
if [ "$*" = -v ]; then exec /usr/bin/@program@ -v; fi

if [ -n "${nixCross:-}" ] && [ "@target@" = build ]; then
  hardening=${NIX_HARDENING_ENABLE_FOR_BUILD:-} compile=${NIX_CFLAGS_COMPILE_FOR_BUILD:-}
  link=${NIX_CFLAGS_LINK_FOR_BUILD:-} ldflags=${NIX_LDFLAGS_FOR_BUILD:-}
else
  hardening=${NIX_HARDENING_ENABLE:-} compile=${NIX_CFLAGS_COMPILE:-}
  link=${NIX_CFLAGS_LINK:-} ldflags=${NIX_LDFLAGS:-}
fi

before= after=
for flag in $hardening; do
  case $flag in
  fortify)
    case " $hardening " in *' fortify3 '*) continue ;; esac
    before="$before -O2 -U_FORTIFY_SOURCE" after="$after -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"
    ;;
  fortify3) before="$before -O2 -U_FORTIFY_SOURCE" after="$after -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3" ;;
  format) before="$before -Wformat -Wformat-security -Werror=format-security" ;;
  pic) before="$before -fPIC" ;;
  stackclashprotection) before="$before -fstack-clash-protection" ;;
  stackprotector) before="$before -fstack-protector-strong --param ssp-buffer-size=4" ;;
  strictflexarrays1) before="$before -fstrict-flex-arrays=1" ;;
  strictoverflow) before="$before -fno-strict-overflow" ;;
  zerocallusedregs) before="$before -fzero-call-used-regs=used-gpr" ;;
  relro) ldflags="$ldflags -z relro" ;;
  bindnow) ldflags="$ldflags -z now" ;;
  esac
done

# Whether it links: as nixpkgs' wrapper tells, by the arguments.
links=
for argument; do
  case $argument in
  -c | -S | -E | -M | -MM) links= && break ;;
  -?*) ;;
  *) links=yes ;;
  esac
done
if [ -n "$links" ]; then
  after="$after $link"
  for flag in $ldflags; do
    case $flag in
    -L/*) after="$after $flag" ;;
    *) after="$after -Wl,$flag" ;;
    esac
  done
fi

set -f
# shellcheck disable=SC2086 # lists of flags
exec /usr/bin/@program@ $before -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer "$@" $after $compile
