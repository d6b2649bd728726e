# SPDX-License-Identifier: MPL-2.0
# The builder of every derivation: busybox's shell, which knows nothing but the store. It starts bash inside the
# derivation's own root file tree, with the tree's own dynamic loader and bubblewrap, so that nothing of the host is
# visible whether Nix' sandbox is on or off.
# Reads: $rootTree (the file tree), $setup (what bash runs), $outputHashMode (set for a fixed-output fetch: it gets the
# network), $out, and the files inputs-* that Nix wrote of exportReferencesGraph: what the build's inputs refer to.
set -eu

loader=$(echo "$rootTree"/usr/lib64/ld-linux-*.so.*)
libraries=$(echo "$rootTree"/usr/lib/*-linux-gnu/libc.so.6)
libraries=${libraries%/libc.so.6}

# Nix wrote these files outside; inside they are found under the fixed build path.
for name in ${passAsFile:-}; do
  eval "outside=\$${name}Path"
  export "${name}Path=/build/${outside##*/}"
done

network=
if [ -n "${outputHashMode:-}" ]; then
  network="--share-net --ro-bind-try /etc/resolv.conf /etc/resolv.conf --ro-bind-try /etc/hosts /etc/hosts"
fi

# Of the store a build sees its inputs, read-only, and its output, whether Nix' sandbox is on or off. The output is made in a
# directory of its own on the store's file system, over which the inputs are mounted, and moved to its place in the end.
top=$NIX_BUILD_TOP
PATH=${builder%/*}
own=$out.building
rm -rf "$own"
mkdir -p "$own"
inputs=
# shellcheck disable=SC2013 # store paths are words
for path in $(grep -h "^$NIX_STORE/" "$top"/inputs-* | sort -u); do
  case $path in *.drv) ;; *) inputs="$inputs --ro-bind $path $path" ;; esac
done
rm -f "$top"/inputs-*

unset NIX_BUILD_TOP TMPDIR TEMPDIR TMP TEMP PWD OLDPWD
export NIX_BUILD_TOP=/build TMPDIR=/build TEMPDIR=/build TMP=/build TEMP=/build
export HOME=/homeless-shelter PATH=/usr/inputs/bin SHELL=/usr/bin/bash
export TZ=UTC

# An unprivileged user as Nix' own sandbox has it, whoever called. (A user namespace that only root may make is
# reported by bwrap itself; `make doctor` names the sysctl.)
# shellcheck disable=SC2086 # $network and $inputs are several words on purpose
"$loader" --library-path "$libraries" "$rootTree/usr/bin/bwrap" \
  --unshare-all --uid 1000 --gid 100 --hostname localhost \
  --die-with-parent --new-session \
  --ro-bind "$rootTree/usr" /usr --ro-bind "$rootTree/etc" /etc \
  --dir /bin --symlink ../usr/bin/bash /bin/sh --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
  --proc /proc --dev /dev --perms 1777 --dir /tmp --dir /var/tmp \
  --bind "$own" "$NIX_STORE" $inputs --bind "$top" /build --chdir /build \
  $network \
  /usr/bin/bash -e "$setup"

[ -e "$own/${out##*/}" ] || [ -L "$own/${out##*/}" ] || {
  echo "the build made no output at \$out" >&2
  exit 1
}
mv "$own/${out##*/}" "$out"
rm -rf "$own"
