# SPDX-License-Identifier: MPL-2.0
# BL31 for RK3588, from source. Outputs: bl31.elf.
{
  buildArmTrustedFirmware,
  sources,
}:
(buildArmTrustedFirmware {
  platform = (import ../board.nix).tfaPlatform;
  inherit (sources.tfa) version src;
  extraMakeFlags = [ "bl31" ];
  filesToInstall = [ "build/rk3588/release/bl31/bl31.elf" ];
  extraMeta.platforms = [ "aarch64-linux" ];
}).overrideAttrs
  (old: {
    # nixpkgs' builder takes RK3399's HDCP blob out of the source, with a patch and an rm that fails where the source has no
    # such file, as Debian's has not. RK3588's BL31 has no part of that driver. Arguments of these names are appended to the
    # builder's own in one form of it; overridden, they count in each.
    patches = [ ];
    postPatch = "export SOURCE_DATE_EPOCH=${import ../source-date-epoch.nix}";
    env = (old.env or { }) // {
      # nixpkgs' compilers turn frame pointers on, with which RK3588's secondary cores do not come up
      # (https://github.com/NixOS/nixpkgs/pull/380165), and make position-independent programs, which BL31 is not.
      NIX_CFLAGS_COMPILE = "-fomit-frame-pointer -no-pie";
    };
  })
