# SPDX-License-Identifier: MPL-2.0
# Unpacks Debian packages into one root file tree, with busybox alone. Maintainer scripts do not run; what they would
# have done and a build needs is done at the end.
# Reads: $debs (files), $busybox (its directory), $out; $programs (what a build finds in its PATH, which is
# /usr/inputs/bin), $whole (packages all of whose programs it finds), $compiler and $linker (what stands before these).
set -eu
export PATH="$busybox/bin"

mkdir -p "$out/usr/bin" "$out/usr/sbin" "$out/usr/lib" "$out/usr/lib64" "$out/etc"
# Since Debian 13 every file lies under /usr; the links catch packages that still ship the old path.
for directory in bin sbin lib lib64; do ln -s "usr/$directory" "$out/$directory"; done

unpack() { # DEB: prints the names of its files
  busybox ar -p "$1" data.tar.xz | busybox xz -dc | busybox tar -xvf - -C "$out" \
    || { echo "tree.sh: $1 does not unpack: not a package with data.tar.xz?" >&2; return 1; }
}
set -o pipefail
for deb in $debs; do
  package=${deb##*/} package=${package#*-} package=${package%%_*}
  case " $whole " in
  *" $package "*)
    files=$(unpack "$deb")
    programs="$programs $(echo "$files" | sed -nE 's,^(\./)?usr/s?bin/([^/]+)$,\2,p')"
    ;;
  *) unpack "$deb" >/dev/null ;;
  esac
done

# Nobody reads these in a build.
rm -rf "$out"/usr/share/doc "$out"/usr/share/man "$out"/usr/share/info "$out"/usr/share/locale \
  "$out"/usr/share/lintian "$out"/usr/share/bug "$out"/usr/share/doc-base "$out"/var "$out"/run "$out"/tmp \
  "$out"/boot "$out"/home "$out"/root "$out"/srv "$out"/mnt "$out"/media "$out"/opt "$out"/proc "$out"/sys "$out"/dev
chmod -R u+w "$out"

# nixpkgs' packages have no sbin.
for program in "$out"/usr/sbin/*; do
  [ -e "$out/usr/bin/${program##*/}" ] || ln -s "../sbin/${program##*/}" "$out/usr/bin/${program##*/}"
done
# update-alternatives
for pair in awk:gawk cc:gcc c++:g++ aarch64-linux-gnu-cc:aarch64-linux-gnu-gcc which:which.debianutils \
  sh:bash yacc:bison.yacc lex:flex; do
  link="$out/usr/bin/${pair%%:*}"
  [ -e "$link" ] || [ ! -e "$out/usr/bin/${pair##*:}" ] || ln -s "${pair##*:}" "$link"
  case " $(echo $programs) " in *" ${pair##*:} "*) programs="$programs ${pair%%:*}" ;; esac
done
# Debian names each Go release's commands apart.
for go in "$out"/usr/lib/go-*/bin; do
  [ ! -d "$go" ] || for command in "$go"/*; do
    ln -sf "../lib/${go#"$out"/usr/lib/}/${command##*/}" "$out/usr/bin/${command##*/}"
  done
done

# Nix' sandbox has /bin/sh and no other program at a fixed place: no /usr/bin/env, no /bin/bash. Debian's own scripts call
# theirs by a name that stays.
grep -lrE '^#! *(/usr)?/bin/(env|bash)' "$out/usr/bin" "$out/usr/sbin" | while read -r script; do
  [ -L "$script" ] || sed -i -E '1s,^#! *(/usr)?/bin/(env +)?,#!/usr/bin/,' "$script"
done
inputs="$out/usr/inputs"
mkdir -p "$inputs/bin" "$inputs/libexec"
mv "$out/usr/bin/env" "$inputs/libexec/env"

# What a build finds in its PATH, and nothing that a package here merely depends on.
wrap() { # TEMPLATE PROGRAM
  case $2 in aarch64-linux-gnu-*) target=host ;; *) target=build ;; esac
  sed -e "s,@busybox@,$busybox,g" -e "s,@program@,$2,g" -e "s,@target@,$target,g" "$1" >"$inputs/bin/$2"
  chmod +x "$inputs/bin/$2"
}
for program in $programs; do
  [ ! -e "$inputs/bin/$program" ] || continue
  case $program in
  env) ln -s ../libexec/env "$inputs/bin/env" ;;
  cc | c++ | cpp | gcc | g++ | *-linux-gnu-cc | *-linux-gnu-cpp | *-linux-gnu-gcc | *-linux-gnu-g++) wrap "$compiler" "$program" ;;
  ld | ld.bfd | *-linux-gnu-ld | *-linux-gnu-ld.bfd) wrap "$linker" "$program" ;;
  *)
    [ -e "$out/usr/bin/$program" ] || [ -L "$out/usr/bin/$program" ] || {
      echo "tree.sh: no package of this tree has the program '$program', which nix/debian/tools.nix names" >&2
      exit 1
    }
    ln -s "../../bin/$program" "$inputs/bin/$program"
    ;;
  esac
done

# One user and one group, as in Nix' sandbox.
cat >"$out/etc/passwd" <<END
root:x:0:0:root:/build:/noshell
nixbld:x:1000:100:Nix build user:/build:/noshell
nobody:x:65534:65534:Nobody:/:/noshell
END
cat >"$out/etc/group" <<END
root:x:0:
nixbld:!:100:
nogroup:x:65534:
END
echo "hosts: files dns" >"$out/etc/nsswitch.conf"
# Mount points for what a fixed-output fetch is given of the host.
for file in resolv.conf hosts; do [ -e "$out/etc/$file" ] || : >"$out/etc/$file"; done
echo "127.0.0.1 localhost" >"$out/etc/hosts"
if [ -d "$out/usr/share/ca-certificates" ]; then
  mkdir -p "$out/etc/ssl/certs"
  find "$out/usr/share/ca-certificates" -name '*.crt' | sort | while read -r crt; do cat "$crt"; done \
    >"$out/etc/ssl/certs/ca-certificates.crt"
fi
