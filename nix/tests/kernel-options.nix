# SPDX-License-Identifier: MPL-2.0
# Options of one's own go over ours and are checked like ours; a source older than an option goes without it and says so.
# Arguments: `configuration` (nix/kernel/configuration.nix), whose tools and fragments these are.
# Output: an empty file.
{ configuration, stdenv }:
stdenv.mkDerivation {
  name = "kernel-options";
  inherit (configuration) src nativeBuildInputs depsBuildBuild;
  hardeningDisable = [ "all" ];
  unpackPhase = import ../kernel/unpack.nix { };
  dontConfigure = true;
  config = ../kernel/config;
  buildPhase = ''
    patchShebangs scripts
    configure() { # FILE: over our fragments, into ../build
      rm -rf ../build
      KERNEL_CONFIG=$1 sh $config/merge "$PWD" ../build CROSS_COMPILE=${stdenv.cc.targetPrefix}
    }
    says() { # WORDS FILE
      grep -qF -- "$1" "$2" || { echo "want: $1"; echo got:; cat "$2"; exit 1; } >&2
    }
    refuses() { # WORDS LINE...: the file of these lines is an error that says the words
      printf '%s\n' "''${@:2}" >own
      if configure own >said 2>&1; then
        echo "accepted: ''${*:2}" >&2
        exit 1
      fi
      says "$1" said
    }

    refuses 'Linux ${configuration.version} has no CONFIG_FOOBAR' CONFIG_FOOBAR=y
    refuses '2:BTRFS_FS=y' '# mine' BTRFS_FS=y
    refuses 'more than once in own: BTRFS_FS' CONFIG_BTRFS_FS=y CONFIG_BTRFS_FS=m
    refuses 'own asks for nothing' '# nothing'
    # Kconfig drops it: without NUMA there is none.
    refuses 'wanted CONFIG_NUMA_BALANCING=y, got nothing' CONFIG_NUMA_BALANCING=y

    printf 'CONFIG_CIFS_SMB_DIRECT=y\n# CONFIG_SECURITY_APPARMOR is not set\nCONFIG_KVM=n' >own
    configure own >said 2>&1 || { cat said >&2; exit 1; }
    says CONFIG_CIFS_SMB_DIRECT=y ../build/.config
    says '# CONFIG_SECURITY_APPARMOR is not set' ../build/.config
    says '# CONFIG_KVM is not set' ../build/.config
    says 'own leaves nothing of CONFIG_SECURITY_APPARMOR_HASH=y' said

    # Linux 6.9 as far as these options are concerned.
    sed -i 's/^PATCHLEVEL = .*/PATCHLEVEL = 9/' Makefile
    sed -i 's/^config DRM_PANTHOR$/config NO_PANTHOR/' drivers/gpu/drm/panthor/Kconfig
    configure "" >said 2>&1 || { cat said >&2; exit 1; }
    says 'left out CONFIG_DRM_PANTHOR, which came with Linux 6.10' said
    [ "$(cat ../build/left-out)" = 'DRM_PANTHOR 6.10' ]
    sed -i 's/^PATCHLEVEL = .*/PATCHLEVEL = 10/' Makefile
    if configure "" >said 2>&1; then
      echo "a source that lacks what it is old enough for: accepted" >&2
      exit 1
    fi
    says 'has no CONFIG_DRM_PANTHOR' said
  '';
  installPhase = "touch $out";
  dontFixup = true;
}
