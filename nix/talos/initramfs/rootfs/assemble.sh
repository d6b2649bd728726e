#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
#
# Makes a node's initramfs: /init and /rootfs.sqsh, as Talos' init expects them, without privilege.
#
# From the environment:
#   debs               Debian arm64 packages (.deb files), those of `packages` and no other
#   init, machined     Talos' programs
#   containerd, cni    directories with nothing but containerd's programs and the CNI plugins
#   osRelease          the node's /etc/os-release
#   modules            directory with lib/modules/RELEASE, of one kernel; empty: no modules
#   release            that kernel's release
#   out                the file to make
#   SOURCE_DATE_EPOCH  the one time stamp in it (seconds since 1970)
set -euo pipefail
export LC_ALL=C
umask 022

: "${debs:?}" "${init:?}" "${machined:?}" "${containerd:?}" "${cni:?}" "${osRelease:?}" "${release:?}" "${out:?}"
: "${modules=}" "${SOURCE_DATE_EPOCH:?}" "${NIX_BUILD_CORES:=1}"

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
unpacked=$work/debs
mkdir "$root" "$unpacked"

die() {
    printf 'assemble.sh: %s\n' "$*" >&2
    exit 1
}

# A list without its comments and empty lines.
entries() {
    sed -e 's/[[:space:]]*#.*$//' -e '/^[[:space:]]*$/d' "$1"
}

unpack() {
    local deb name wanted got
    for deb in $debs; do
        name=$(dpkg-deb --field "$deb" Package)
        [ "$(dpkg-deb --field "$deb" Architecture)" != amd64 ] || die "$deb is for amd64; the node's root is arm64"
        dpkg-deb --extract "$deb" "$unpacked/$name"
    done

    wanted=$(entries "$here/packages" | sort)
    got=$(find "$unpacked" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort)
    [ "$wanted" = "$got" ] || die "\$debs and the list 'packages' differ:
$(diff <(echo "$wanted") <(echo "$got"))"

    wanted=$(entries "$here/files" | awk '{ print $1 }' | sort -u)
    [ "$wanted" = "$got" ] || die "the lists 'packages' and 'files' differ:
$(diff <(echo "$got") <(echo "$wanted"))"
}

lay_out() {
    local kind path argument
    while read -r kind path argument; do
        case $kind in
        dir) mkdir -p "$root/$path" && chmod "${argument:-0755}" "$root/$path" ;;
        empty) : >"$root/$path" ;;
        link) ln -s "$argument" "$root/$path" ;;
        *) die "layout: no kind '$kind' (dir, empty or link)" ;;
        esac
    done < <(entries "$here/layout")
}

copy_packages() {
    local package pattern target file found
    while read -r package pattern target; do
        found=
        while IFS= read -r file; do
            [ -e "$unpacked/$package/$file" ] || [ -L "$unpacked/$package/$file" ] || continue
            found=1
            mkdir -p "$root/$(dirname "${target:-$file}")"
            cp -P "$unpacked/$package/$file" "$root/${target:-$file}"
        done < <(cd "$unpacked/$package" && compgen -G "$pattern")
        [ -n "$found" ] || die "files: package $package has no $pattern"
    done < <(entries "$here/files")
}

copy_programs() {
    local directory
    install -m 0755 "$machined" "$root/usr/bin/init"
    # Names that the kernel (poweroff), extensions (shutdown) and machined itself (dashboard) start.
    ln "$root/usr/bin/init" "$root/usr/bin/poweroff"
    ln "$root/usr/bin/init" "$root/usr/bin/shutdown"
    ln "$root/usr/bin/init" "$root/usr/bin/dashboard"
    for directory in $containerd; do install -m 0755 "$directory"/* "$root/usr/bin"; done
    for directory in $cni; do install -m 0755 "$directory"/* "$root/opt/cni/bin"; done
    install -m 0644 "$osRelease" "$root/etc/os-release"
    cp -r "$here/extra/." "$root"
}

# machined reads modules.dep of the running release even where the kernel has no module.
copy_modules() {
    local to=$root/usr/lib/modules/$release file
    mkdir -p "$to"
    if [ -n "$modules" ]; then
        [ "$(ls "$modules/lib/modules")" = "$release" ] ||
            die "$modules/lib/modules holds $(ls "$modules/lib/modules"), wanted is $release alone"
        # Not its links `build` and `source`, which lead out of the root.
        (cd "$modules/lib/modules/$release" && find . ! -type l ! -name . -print0 | sort -z |
            cpio --quiet --null --pass-through --make-directories "$to")
        # The Nix store has taken the right to write.
        chmod -R u+w "$to"
    fi
    for file in modules.order modules.builtin modules.builtin.modinfo; do
        [ -e "$to/$file" ] || : >"$to/$file"
    done
    depmod --basedir "$root" "$release"
}

pack() {
    local archive=$work/initramfs
    mkdir "$archive"
    # An unprivileged build can set no label on the files.
    node-root labels "$root" "$here/file_contexts" >"$work/labels"
    find "$root" -type d ! -path "$root/root" ! -path "$root/tmp" -exec chmod 0755 {} +
    # Level 15 takes ten times the time for a tenth less; init alone shrinks in the outer archive.
    gensquashfs --quiet --pack-dir "$root" --all-root --defaults "mtime=$SOURCE_DATE_EPOCH" \
        --xattr-file "$work/labels" --compressor zstd --comp-extra level=9 --num-jobs "$NIX_BUILD_CORES" \
        "$archive/rootfs.sqsh" >/dev/null # it lists every label
    install -m 0755 "$init" "$archive/init"
    touch --date="@$SOURCE_DATE_EPOCH" "$archive"/*
    (cd "$archive" && printf '%s\n' init rootfs.sqsh |
        cpio --quiet --reproducible --format newc --owner +0:+0 --create) >"$work/initramfs.cpio"
    zstd --quiet -9 -T1 "$work/initramfs.cpio" -o "$out"
}

unpack
lay_out
copy_packages
copy_programs
copy_modules
node-root closed "$root"
pack
