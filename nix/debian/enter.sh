# SPDX-License-Identifier: MPL-2.0
# The builder of every derivation: busybox's shell, which knows nothing but the store. It starts bash inside the
# derivation's own root file tree, with the tree's own dynamic loader and bubblewrap, so that nothing of the host is
# visible whether Nix' sandbox is on or off.
# Its own variables begin with _: a recipe's attributes are variables too, and reach the build as they are.
# Reads: $rootTree (the file tree), $setup (what bash runs), $outputHashMode (set for a fixed-output fetch: it gets the
# network), $out, and the files inputs-* that Nix wrote of exportReferencesGraph: what the build's inputs refer to.
set -eu

_loader=$(echo "$rootTree"/usr/lib64/ld-linux-*.so.*)
_libraries=$(echo "$rootTree"/usr/lib/*-linux-gnu/libc.so.6)
_libraries=${_libraries%/libc.so.6}

# Nix wrote these files outside; inside they are found under the fixed build path.
for _name in ${passAsFile:-}; do
  eval "_outside=\$${_name}Path"
  export "${_name}Path=/build/${_outside##*/}"
done

_network=
if [ -n "${outputHashMode:-}" ]; then
  _network="--share-net --ro-bind-try /etc/resolv.conf /etc/resolv.conf --ro-bind-try /etc/hosts /etc/hosts"
fi

# Of the store a build sees its inputs, read-only, and its output, whether Nix' sandbox is on or off. The output is made in a
# directory of its own on the store's file system, over which the inputs are mounted, and moved to its place in the end.
_top=$NIX_BUILD_TOP
PATH=${builder%/*}
_own=$out.building
rm -rf "$_own"
mkdir -p "$_own"
_inputs=
# shellcheck disable=SC2013 # store paths are words
for _path in $(grep -h "^$NIX_STORE/" "$_top"/inputs-* | sort -u); do
  case $_path in *.drv) ;; *) _inputs="$_inputs --ro-bind $_path $_path" ;; esac
done
rm -f "$_top"/inputs-*

unset NIX_BUILD_TOP TMPDIR TEMPDIR TMP TEMP PWD OLDPWD
export NIX_BUILD_TOP=/build TMPDIR=/build TEMPDIR=/build TMP=/build TEMP=/build
export HOME=/homeless-shelter PATH=/usr/inputs/bin SHELL=/usr/bin/bash
export TZ=UTC

# An unprivileged user as Nix' own sandbox has it, whoever called. (A user namespace that only root may make is
# reported by bwrap itself; `nix/debian/build` names the sysctl.)
# shellcheck disable=SC2086 # $_network and $_inputs are several words on purpose
"$_loader" --library-path "$_libraries" "$rootTree/usr/bin/bwrap" \
  --unshare-all --uid 1000 --gid 100 --hostname localhost \
  --die-with-parent --new-session \
  --ro-bind "$rootTree/usr" /usr --ro-bind "$rootTree/etc" /etc \
  --dir /bin --symlink ../usr/bin/bash /bin/sh --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
  --proc /proc --dev /dev --perms 1777 --dir /tmp --dir /var/tmp \
  --bind "$_own" "$NIX_STORE" $_inputs --bind "$_top" /build --chdir /build \
  $_network \
  /usr/bin/bash -e "$setup"

[ -e "$_own/${out##*/}" ] || [ -L "$_own/${out##*/}" ] || {
  echo "the build made no output at \$out" >&2
  exit 1
}
mv "$_own/${out##*/}" "$out"
rm -rf "$_own"
