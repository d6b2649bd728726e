# SPDX-License-Identifier: MPL-2.0
# What the recipes use of nixpkgs, and where nixpkgs 26.05 defines it: the border of both package sets. The embedded set
# refuses arguments that stand not here, nix/tests/flake evaluates everything with a set that has nothing else, and
# nix/tests/nixpkgs-interface.nix compares it with nixpkgs itself where that can be had. docs/verification.md says which
# files were read and at which revisions.
{
  # Hardening flags of nixpkgs' compilers, and those that they have unless a recipe switches them off (defaultHardeningFlags).
  hardening = {
    definedIn = "pkgs/stdenv/generic/make-derivation.nix, pkgs/build-support/bintools-wrapper/default.nix";
    default = [
      "bindnow"
      "format"
      "fortify"
      "fortify3"
      "pic"
      "relro"
      "stackclashprotection"
      "stackprotector"
      "strictoverflow"
      "zerocallusedregs"
    ];
    known = [
      "bindnow"
      "format"
      "fortify"
      "fortify3"
      "glibcxxassertions"
      "libcxxhardeningextensive"
      "libcxxhardeningfast"
      "nostrictaliasing"
      "pacret"
      "pic"
      "relro"
      "shadowstack"
      "stackclashprotection"
      "stackprotector"
      "strictflexarrays1"
      "strictflexarrays3"
      "strictoverflow"
      "trivialautovarinit"
      "zerocallusedregs"
    ];
  };

  # Functions: `arguments` have a meaning of the function's own there and here; `passed` go on to stdenv.mkDerivation.
  builders = {
    "stdenv.mkDerivation" = {
      definedIn = "pkgs/stdenv/generic/make-derivation.nix";
      # Means something in nixpkgs and nothing in the embedded set.
      refused = [
        "checkInputs"
        "depsBuildTarget"
        "depsHostHost"
        "depsTargetTarget"
        "nativeCheckInputs"
        "hardeningEnable"
        "outputs"
        "postPhases"
        "preBuildPhases"
        "preConfigurePhases"
        "prePhases"
        "propagatedBuildInputs"
        "propagatedNativeBuildInputs"
        "setSourceRoot"
        "unpackCmd"
      ];
    };
    buildGoModule = {
      definedIn = "pkgs/build-support/go/module.nix";
      arguments = [
        "checkFlags"
        "checkPhase"
        "doCheck"
        "env"
        "ldflags"
        "meta"
        "modRoot"
        "nativeBuildInputs"
        "overrideModAttrs"
        "passthru"
        "pname"
        "proxyVendor"
        "src"
        "subPackages"
        "tags"
        "vendorHash"
        "version"
      ];
      passed = [
        "buildPhase"
        "installPhase"
        "postInstall"
        "postPatch"
        "preBuild"
        "preCheck"
      ];
    };
    buildUBoot = {
      definedIn = "pkgs/misc/uboot/default.nix";
      arguments = [
        "defconfig"
        "extraConfig"
        "extraMakeFlags"
        "extraMeta"
        "extraPatches"
        "filesToInstall"
        "installDir"
        "src"
        "version"
      ];
      # Not what one of nixpkgs' forms sets itself (nix/debian/builders.nix): overrideAttrs sets that.
      passed = [
        "buildFlags"
        "dontFixup"
        "passthru"
        "preBuild"
      ];
    };
    buildArmTrustedFirmware = {
      definedIn = "pkgs/misc/arm-trusted-firmware/default.nix";
      arguments = [
        "extraMakeFlags"
        "extraMeta"
        "filesToInstall"
        "installDir"
        "platform"
        "src"
        "version"
      ];
      passed = [ "buildFlags" ];
    };
    fetchurl = {
      definedIn = "pkgs/build-support/fetchurl/default.nix";
      arguments = [
        "hash"
        "name"
        "sha256"
        "url"
        "urls"
      ];
      passed = [ ];
    };
    "dockerTools.pullImage" = {
      definedIn = "pkgs/build-support/docker/default.nix";
      arguments = [
        "arch"
        "finalImageTag"
        "imageDigest"
        "imageName"
        "os"
        "sha256"
      ];
      passed = [ ];
    };
    fetchFromGitHub = {
      definedIn = "pkgs/build-support/fetchgithub/default.nix";
      arguments = [
        "hash"
        "owner"
        "repo"
        "rev"
      ];
      passed = [ ];
    };
    fetchFromGitLab = {
      definedIn = "pkgs/build-support/fetchgitlab/default.nix";
      arguments = [
        "domain"
        "hash"
        "owner"
        "repo"
        "rev"
      ];
      passed = [ ];
    };
  };

  # Other names of the top level: sets, and functions without named arguments.
  names = {
    buildGo126Module = "pkgs/top-level/all-packages.nix";
    buildPackages = "pkgs/stdenv/booter.nix";
    callPackage = "pkgs/top-level/splice.nix";
    dockerTools = "pkgs/build-support/docker/default.nix";
    go = "pkgs/top-level/all-packages.nix";
    lib = "lib/default.nix";
    mkShell = "pkgs/build-support/mkshell/default.nix";
    newScope = "pkgs/top-level/splice.nix";
    pkgsCross = "pkgs/top-level/stage.nix";
    runCommand = "pkgs/build-support/trivial-builders/default.nix";
    runtimeShell = "pkgs/top-level/all-packages.nix";
    stdenv = "pkgs/stdenv/generic/default.nix";
    stdenvNoCC = "pkgs/top-level/all-packages.nix";
  };

  # Packages; `outputs` where a recipe takes a file of one.
  packages = {
    bc = "pkgs/by-name/bc/bc/package.nix";
    binutils = "pkgs/development/tools/misc/binutils/default.nix";
    bison = "pkgs/by-name/bi/bison/package.nix";
    cosign = "pkgs/by-name/co/cosign/package.nix";
    cpio = "pkgs/by-name/cp/cpio/package.nix";
    curl = "pkgs/by-name/cu/curlMinimal/package.nix";
    dosfstools = "pkgs/by-name/do/dosfstools/package.nix";
    dpkg = "pkgs/by-name/dp/dpkg/package.nix";
    dt-schema = "pkgs/by-name/dt/dt-schema/package.nix";
    dtc = "pkgs/by-name/dt/dtc/package.nix";
    elfutils = "pkgs/by-name/el/elfutils/package.nix";
    file = "pkgs/by-name/fi/file/package.nix";
    flex = "pkgs/development/tools/parsing/flex/default.nix";
    git = "pkgs/by-name/gi/git/package.nix";
    glib = "pkgs/development/libraries/glib/default.nix";
    go_1_26 = "pkgs/development/compilers/go/1.26.nix";
    gopls = "pkgs/by-name/go/gopls/package.nix";
    gptfdisk = "pkgs/by-name/gp/gptfdisk/package.nix";
    grub2 = "pkgs/by-name/gr/grub2/package.nix";
    jq = "pkgs/by-name/jq/jq/package.nix";
    kernel-hardening-checker = "pkgs/by-name/ke/kernel-hardening-checker/package.nix";
    kmod = "pkgs/os-specific/linux/kmod/default.nix";
    libslirp = "pkgs/by-name/li/libslirp/package.nix";
    meson = "pkgs/by-name/me/meson/package.nix";
    mtools = "pkgs/by-name/mt/mtools/package.nix";
    ninja = "pkgs/by-name/ni/ninja/package.nix";
    nix-prefetch-docker = "pkgs/build-support/docker/nix-prefetch-docker.nix";
    ncurses = "pkgs/development/libraries/ncurses/default.nix";
    nix = "pkgs/tools/package-management/nix/default.nix";
    nixfmt = "pkgs/by-name/ni/nixfmt/package.nix";
    openssl = "pkgs/development/libraries/openssl/default.nix";
    pahole = "pkgs/by-name/pa/pahole/package.nix";
    perl = "pkgs/development/interpreters/perl/default.nix";
    pkg-config = "pkgs/build-support/pkg-config-wrapper/default.nix";
    python3 = "pkgs/development/interpreters/python/default.nix";
    qemu = "pkgs/by-name/qe/qemu/package.nix";
    shellcheck = "pkgs/development/tools/shellcheck/default.nix";
    squashfsTools = "pkgs/by-name/sq/squashfsTools/package.nix";
    squashfs-tools-ng = "pkgs/by-name/sq/squashfs-tools-ng/package.nix";
    talosctl = "pkgs/by-name/ta/talosctl/package.nix";
    unzip = "pkgs/by-name/un/unzip/package.nix";
    wine64 = "pkgs/applications/emulators/wine/default.nix";
    xfsprogs = "pkgs/by-name/xf/xfsprogs/package.nix";
    xz = "pkgs/by-name/xz/xz/package.nix";
    zip = "pkgs/by-name/zi/zip/package.nix";
    zlib = "pkgs/by-name/zl/zlib/package.nix";
    zstd = "pkgs/tools/compression/zstd/default.nix";
  };

  lib = {
    definedIn = "lib";
    names = [
      "concatLines"
      "concatMap"
      "concatMapStringsSep"
      "concatStringsSep"
      "escapeShellArg"
      "fileset"
      "filter"
      "filterAttrs"
      "fix"
      "genAttrs"
      "getExe"
      "hasPrefix"
      "hasSuffix"
      "last"
      "licenses"
      "makeBinPath"
      "mapAttrs"
      "mapAttrs'"
      "mapAttrsToList"
      "nameValuePair"
      "optional"
      "optionalAttrs"
      "optionalString"
      "optionals"
      "removePrefix"
      "removeSuffix"
      "sort"
      "splitString"
      "take"
    ];
  };
}
