# SPDX-License-Identifier: MPL-2.0
# The programs the imager calls, where its own container image has files under /usr that a Nix build does not:
# GRUB's modules for arm64 (Debian's package) and xfsprogs' option files.
# Outputs: bin/grub-mkimage and bin/mkfs.xfs, and passthru.runtimeInputs: what else has to be in PATH.
{
  runCommand,
  runtimeShell,
  dosfstools,
  dpkg,
  grub2,
  mtools,
  xfsprogs,
  xz,
  zstd,
  sources,
}:
let
  modules = runCommand "grub-modules-arm64" { nativeBuildInputs = [ dpkg ]; } ''
    for deb in ${toString sources.grubModules}; do dpkg-deb -x $deb unpacked; done
    mv unpacked/usr/lib/grub $out
  '';
  options = "${xfsprogs.out or xfsprogs}/share/xfsprogs";
  tools =
    runCommand "imager-tools"
      {
        nativeBuildInputs = [ xfsprogs ]; # asked for its version
        passthru.runtimeInputs = [
          dosfstools
          grub2
          mtools
          xfsprogs
          xz
          zstd
        ];
      }
      ''
        version=$(${xfsprogs}/bin/mkfs.xfs -V | sed 's/.* //')
        if [ "$(printf '%s\n7.0\n' "$version" | sort -V | head -n 1)" != 7.0 ]; then
          echo "xfsprogs is $version. Before 7.0 mkfs.xfs takes no DETERMINISTIC_SEED: the image would be another each time." >&2
          exit 1
        fi
        if [ ! -e ${options}/mkfs/lts_6.12.conf ]; then
          echo "xfsprogs $version has no ${options}/mkfs/lts_6.12.conf, with whose features GRUB reads BOOT" >&2
          exit 1
        fi

        mkdir -p $out/bin
        cat >$out/bin/grub-mkimage <<'END'
        #!${runtimeShell}
        for argument; do
          shift
          # What Talos asks for: whichever disk the firmware counts first. Without its number it is the disk that GRUB
          # was loaded from (grub-core/kern/main.c, grub_set_prefix_and_root).
          [ "$argument" != '(hd0,gpt3)/grub' ] || argument='(,gpt3)/grub'
          set -- "$@" "$argument"
        done
        exec ${grub2}/bin/grub-mkimage --directory=${modules}/arm64-efi "$@"
        END
        cat >$out/bin/mkfs.xfs <<'END'
        #!${runtimeShell}
        # options=/usr/share/xfsprogs/… of the imager's container is xfsprogs' own directory.
        for argument; do
          shift
          case $argument in
          # What the imager asks for since Talos 1.13: parent pointers, which GRUB 2.12 does not read
          # (grub-core/fs/xfs.c, XFS_SB_FEAT_INCOMPAT_SUPPORTED); the board would stop at its prompt.
          options=/usr/share/xfsprogs/mkfs/lts_6.18.conf) argument=options=${options}/mkfs/lts_6.12.conf ;;
          options=/usr/share/xfsprogs/*) argument=options=${options}/''${argument#options=/usr/share/xfsprogs/} ;;
          esac
          set -- "$@" "$argument"
        done
        exec ${xfsprogs}/bin/mkfs.xfs "$@"
        END
        chmod +x $out/bin/*
      '';
in
tools
