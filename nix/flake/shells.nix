# SPDX-License-Identifier: MPL-2.0
# `nix develop`: everything to work on Go, Nix, device trees and U-Boot here; `nix develop .#kernel`: to configure the
# kernel (make menuconfig), with ARCH and CROSS_COMPILE set.
{ pkgs, project, ... }:
let
  arm64 = pkgs.pkgsCross.aarch64-multiplatform;
  default = project pkgs { };
in
{
  default = pkgs.mkShell {
    inputsFrom = [ default.u-boot ];
    packages = [
      arm64.stdenv.cc
      default.imager
      default.talosctl
      pkgs.cpio
      pkgs.dosfstools
      pkgs.dt-schema
      pkgs.dtc
      pkgs.go
      pkgs.gopls
      pkgs.gptfdisk
      pkgs.jq
      pkgs.mtools
      pkgs.nixfmt
      pkgs.qemu
      pkgs.shellcheck
      pkgs.squashfs-tools-ng
    ];
  };
  kernel = pkgs.mkShell {
    inputsFrom = [ default.kernels.collabora ];
    packages = [
      arm64.stdenv.cc
      pkgs.ncurses
      pkgs.pkg-config
    ];
    ARCH = "arm64";
    CROSS_COMPILE = arm64.stdenv.cc.targetPrefix;
  };
}
