# SPDX-License-Identifier: MPL-2.0
# BL31 for RK3588, from source. Gives bl31.elf.
{
  buildArmTrustedFirmware,
  sources,
}:
buildArmTrustedFirmware {
  platform = "rk3588";
  inherit (sources.tfa) version src;
  extraMakeFlags = [ "bl31" ];
  # Where the toolchain turns frame pointers on (nixpkgs' does), RK3588's secondary cores do not come up:
  # https://github.com/NixOS/nixpkgs/pull/380165
  env.NIX_CFLAGS_COMPILE = "-fomit-frame-pointer";
  filesToInstall = [ "build/rk3588/release/bl31/bl31.elf" ];
  extraMeta.platforms = [ "aarch64-linux" ];
}
