# SPDX-License-Identifier: MPL-2.0
# Every source that is not a Debian package: revision, hash and the hash's provenance. Debian's files stand in
# nix/debian/lock, Go modules in each go.sum and, vendored, in nix/vendor-hashes.nix. Data only.
{
  # By their tags. The first is the default, as both package sets have it.
  u-boot = {
    "v2025.01" = {
      url = "https://ftp.denx.de/pub/u-boot/u-boot-2025.01.tar.bz2";
      hash = "sha256-ze99UHyT8bvZ8BXqm8IfoHQmhIFAVQGUWrxvhU1baG8=";
      # Debian's file of the same bytes, in nix/debian/lock.
      debian = "u-boot:source";
      provenance = "the release tarball, nixpkgs' own pin and Debian's orig tarball are the same bytes";
    };
    "v2026.07" = {
      url = "https://ftp.denx.de/pub/u-boot/u-boot-2026.07.tar.bz2";
      hash = "sha256-eOi/w4L+OI+bVaodr4xWNSKgN3ebXUw0nRQV44HxJD4=";
      provenance = "seen in 5 public recipes: Homebrew's u-boot-tools and meta-iot2050's u-boot-iot2050 among them";
    };
  };
  tfa = {
    version = "2.12.1";
    provenance = "Debian 13's orig tarball, hash from the signed source index";
  };
  # Rockchip's DDR blobs, by their versions: revisions of github.com/rockchip-linux/rkbin, and the file in it.
  rkbin = {
    "v1.19" = {
      rev = "74213af1e952c4683d2e35952507133b61394862";
      hash = "sha256-gNCZwJd9pjisk6vmvtRNyGSBFfAYOADTa5Nd6Zk+qEk=";
      ddr = "bin/rk35/rk3588_ddr_lp4_2112MHz_lp5_2400MHz_v1.19.bin";
      provenance = "nixpkgs' own rkbin package";
    };
    # Supports more memory vendors (from v1.20 on): newer boards may need it.
    "v1.21" = {
      rev = "ecb4fcbe954edf38b3ae037d5de6d9f5bccf81f4";
      hash = "sha256-U8d2cH6/TSXfBnLhh141A9wP/t6prFgwYMvwgXBf4vc=";
      ddr = "bin/rk35/rk3588_ddr_lp4_2112MHz_lp5_2400MHz_v1.21.bin";
      provenance = "nixpkgs' own rkbin package, newer revision, which names the file as well";
    };
  };
  linux = {
    # Collabora's trees name no release in a tag; `make kernelrelease` does.
    collabora = {
      rev = "f7e1ed901e7c3a426bde1a787c3bd1ecf45eb410";
      hash = "sha256-t+dtZHyIpPGd/ED/GiQTr9GMTUeBefH8cDt6KuHTmpw=";
      provenance = "seen in 5 public recipes, by two fetchers";
    };
    "collabora-6_9" = {
      rev = "23bb9c65a88c114bbe945b7ef5366bb02d3d9b80";
      hash = "sha256-6TygOl5r7/N2jlcPznWlvJfVVeXKSR8yMoGuTDbIdTA=";
      provenance = "seen in 2 public recipes";
      # Linux 6.9 is older than labels that our trees name (usb_host0_xhci, usbdp_phy0, package_thermal: 6.10): this kernel
      # gets our trees as they are compiled with the LTS's.
      deviceTreesOf = "lts";
    };
  };
  # For nixpkgs, whose revision pinned in flake.lock has an older one than Talos v1.13.9's go.mod asks for.
  go = {
    version = "1.26.8";
    url = "https://go.dev/dl/go1.26.8.src.tar.gz";
    hash = "sha256-Tjm5jkL5RvoFrIvFtxh335fb23y7Gnd7VBZnrXEX/S4=";
    provenance = "nixpkgs' own go_1_26 at 02ed1649d8816e22e48d81628b5daeadf37e20c6";
  };
  # For nixpkgs, too: mkfs.xfs takes DETERMINISTIC_SEED from 7.0 on.
  xfsprogs = {
    version = "7.0.1";
    url = "https://www.kernel.org/pub/linux/utils/fs/xfs/xfsprogs/xfsprogs-7.0.1.tar.xz";
    hash = "sha256-SoyoOnrLjNksmX1jtprmTxcAVrNmopJKdT5H1LtLiwY=";
    provenance = "nixpkgs' own xfsprogs 7.0.1";
  };
  collabora-u-boot = {
    rev = "7293da4331c19b866883a3fc30cf8308892bf6ec";
    hash = "sha256-pO3Lcjlgt0wRe2r0HVRIB/KlyQiwYh4mIZ6Zc5Paut0=";
    provenance = "seen in 6 public recipes";
  };
  # What checks.sbom validates against where it can be fetched.
  spdx-schema = {
    url = "https://raw.githubusercontent.com/spdx/spdx-spec/aadf3b0b8dbbabdb4d880b0fc714255fea436ff7/schemas/spdx-schema.json";
    hash = "sha256-I5IIt6woezz12amvI/nWmGOXEQKl4Vh6J6OYtDSQuJs=";
    provenance = "computed from the tree of tag v2.3";
  };
}
