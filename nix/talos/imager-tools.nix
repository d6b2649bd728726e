# SPDX-License-Identifier: MPL-2.0
# The programs the imager calls, where its own container image has files under /usr that a Nix build does not:
# GRUB's modules for arm64 (Debian's package) and xfsprogs' option files.
# Gives bin/grub-mkimage and bin/mkfs.xfs, and passthru.runtimeInputs: what else has to be in PATH.
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
  tools =
    runCommand "imager-tools"
      {
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
        mkdir -p $out/bin
        cat >$out/bin/grub-mkimage <<'END'
        #!${runtimeShell}
        exec ${grub2}/bin/grub-mkimage --directory=${modules}/arm64-efi "$@"
        END
        cat >$out/bin/mkfs.xfs <<'END'
        #!${runtimeShell}
        # options=/usr/share/xfsprogs/… of the imager's container is xfsprogs' own directory.
        for argument; do
          shift
          # For Talos 1.13 and later the imager asks for what Linux 6.18 can: parent pointers, which GRUB 2.12 does not read
          # (grub-core/fs/xfs.c, XFS_SB_FEAT_INCOMPAT_SUPPORTED); the board would stop at GRUB's prompt.
          argument=''${argument%/lts_6.18.conf}
          case $argument in
          options=/usr/share/xfsprogs/mkfs) argument=$argument/lts_6.12.conf ;;
          esac
          case $argument in
          options=/usr/share/xfsprogs/*) argument=options=${xfsprogs.out or xfsprogs}/share/xfsprogs/''${argument#options=/usr/share/xfsprogs/} ;;
          esac
          set -- "$@" "$argument"
        done
        exec ${xfsprogs}/bin/mkfs.xfs "$@"
        END
        chmod +x $out/bin/*
      '';
in
tools
