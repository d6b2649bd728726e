# SPDX-License-Identifier: MPL-2.0
# nixpkgs' language and firmware builders for the embedded set: buildGoModule (pkgs/build-support/go/module.nix),
# buildUBoot (pkgs/misc/uboot), buildArmTrustedFirmware (pkgs/misc/arm-trusted-firmware) of nixpkgs 26.05.
{
  lib,
  pkgs,
  tool,
}:
let
  inherit (pkgs) stdenv stdenvNoCC;
  interface = import ./interface.nix;
  # checked NAME FUNCTION: an argument that is not known to mean the same in nixpkgs is an error.
  checked =
    name: f: arguments:
    let
      known = interface.builders.${name};
      unknown = lib.filter (argument: !(lib.elem argument (known.arguments ++ known.passed))) (
        lib.attrNames arguments
      );
    in
    if unknown == [ ] then
      f arguments
    else
      throw "nix/debian: ${name} does not know ${toString unknown}; known are ${toString (known.arguments ++ known.passed)} (nix/debian/interface.nix)";
in
{
  go = tool "go" // {
    GOOS = "linux";
    inherit (stdenv.hostPlatform.go) GOARCH;
  };

  buildGoModule = checked "buildGoModule" (
    {
      pname,
      version,
      src,
      vendorHash,
      modRoot ? "./",
      proxyVendor ? false,
      subPackages ? [ ],
      tags ? [ ],
      ldflags ? [ ],
      nativeBuildInputs ? [ ],
      doCheck ? true,
      checkFlags ? [ ],
      overrideModAttrs ? (_: { }),
      env ? { },
      passthru ? { },
      meta ? { },
      ...
    }@args:
    let
      setGoCache = ''
        export GOCACHE=$TMPDIR/go-cache GOPATH=$TMPDIR/go
        cd "${modRoot}"
      '';
      goEnvironment = {
        GO111MODULE = "on";
        GOTOOLCHAIN = "local";
        GOOS = "linux";
        inherit (stdenv.hostPlatform.go) GOARCH;
      };

      # Fixed by its hash; the proxy is the caller's. It is read while evaluating as well, for builds by a daemon, whose
      # environment is not the caller's: a fixed output's path does not depend on it.
      goModules = (stdenvNoCC.mkDerivation (
        {
          name = "${pname}-${version}-go-modules";
          inherit src;
          nativeBuildInputs = [
            pkgs.go
            pkgs.git
            pkgs.cacert
          ];
          env =
            goEnvironment
            // lib.optionalAttrs (builtins.getEnv "GOPROXY" != "") { GOPROXY = builtins.getEnv "GOPROXY"; }
            // lib.optionalAttrs (builtins.getEnv "NIX_SSL_CERT_FILE" != "") {
              SSL_CERT_FILE = builtins.path {
                name = "ca-certificates.crt";
                path = /. + builtins.getEnv "NIX_SSL_CERT_FILE";
              };
            };
          impureEnvVars = [
            "http_proxy"
            "https_proxy"
            "no_proxy"
            "GOPROXY"
          ];
          configurePhase = ''
            runHook preConfigure
            ${setGoCache}
            runHook postConfigure
          '';
          buildPhase = ''
            runHook preBuild
            if [ -d vendor ]; then
              echo "vendor folder exists, please set 'vendorHash = null;' in your expression" >&2
              exit 10
            fi
            ${
              if proxyVendor then
                ''
                  mkdir -p "$GOPATH/pkg/mod/cache/download"
                  go mod download
                  rm -rf "$GOPATH/pkg/mod/cache/download/sumdb"
                ''
              else
                "go mod vendor"
            }
            runHook postBuild
          '';
          installPhase = if proxyVendor then ''cp -r "$GOPATH/pkg/mod/cache/download" $out'' else "cp -r vendor $out";
          dontFixup = true;
          outputHashMode = "recursive";
          outputHashAlgo = if vendorHash == "" then "sha256" else null;
          outputHash = vendorHash;
        }
        # What nixpkgs takes over from the recipe as well.
        // lib.filterAttrs (
          name: _:
          lib.elem name [
            "patches"
            "postPatch"
            "preBuild"
          ]
        ) args
      )).overrideAttrs
        overrideModAttrs;
    in
    # What is in the store already would hide it: a fixed output is not built again.
    if args ? preBuild && !(overrideModAttrs { } ? preBuild) then
      throw ''
        buildGoModule: ${pname}: preBuild runs where the modules are fetched as well, and there is no vendor folder yet
          hint: say what it is there with overrideModAttrs = _: { preBuild = …; }
      ''
    else
      stdenv.mkDerivation (
        {
          configurePhase = ''
            runHook preConfigure
            ${setGoCache}
            export GOPROXY=off GOSUMDB=off
            ${
              if vendorHash == null then
                ""
              else if proxyVendor then
                "export GOPROXY=file://${goModules}"
              else
                "rm -rf vendor; cp -r ${goModules} vendor"
            }
            runHook postConfigure
          '';
          buildPhase = ''
            runHook preBuild
            for package in ''${subPackages:-./...}; do
              case "$package" in ./*) ;; *) package=./$package ;; esac
              echo "Building subPackage $package"
              go install -p "$NIX_BUILD_CORES" ''${tags:+-tags=''${tags// /,}} -ldflags="$ldflags" "$package"
            done
            runHook postBuild
          '';
          checkPhase = ''
            runHook preCheck
            export GOFLAGS="''${GOFLAGS//-trimpath/}"
            for package in ''${subPackages:-./...}; do
              case "$package" in ./*) ;; *) package=./$package ;; esac
              go test -vet=off -p "$NIX_BUILD_CORES" ''${tags:+-tags=''${tags// /,}} $checkFlags "$package"
            done
            runHook postCheck
          '';
          installPhase = ''
            runHook preInstall
            mkdir -p $out/bin
            find "$GOPATH/bin" -type f -exec mv {} $out/bin \;
            runHook postInstall
          '';
        }
        // removeAttrs args [
          "vendorHash"
          "modRoot"
          "overrideModAttrs"
          "proxyVendor"
          "env"
          "passthru"
        ]
        // {
          inherit subPackages tags;
          nativeBuildInputs = [ pkgs.go ] ++ nativeBuildInputs;
          ldflags = ldflags ++ [ "-buildid=" ];
          doCheck = doCheck && stdenv.hostPlatform.system == stdenv.buildPlatform.system;
          inherit checkFlags;
          env =
            goEnvironment
            // {
              GOFLAGS = lib.concatStringsSep " " (lib.optional (!proxyVendor) "-mod=vendor" ++ [ "-trimpath" ]);
            }
            // env;
          passthru = {
            inherit goModules;
          }
          // passthru;
        }
      )
  );

  # Where nixpkgs' forms differ, an argument is refused here: the newer ones set phases themselves and drop a recipe's, the
  # older ones let a recipe's count. What overrideAttrs sets counts in all of them.
  buildUBoot = checked "buildUBoot" (
    {
      version,
      src,
      defconfig,
      filesToInstall,
      installDir ? "$out",
      extraConfig ? "",
      extraPatches ? [ ],
      extraMakeFlags ? [ ],
      extraMeta ? { },
      ...
    }@args:
    stdenv.mkDerivation (
      removeAttrs args [
        "extraMeta"
        "filesToInstall"
      ]
      // {
        pname = "uboot-${defconfig}";
        patches = extraPatches;
        postPatch = ''
          patchShebangs tools
          patchShebangs scripts
        '';
        nativeBuildInputs = [
          pkgs.bc
          pkgs.bison
          pkgs.flex
          pkgs.gnutls
          pkgs.libuuid
          pkgs.ncurses
          pkgs.openssl
          pkgs.perl
          (pkgs.buildPackages.python3.withPackages (p: [
            p.libfdt
            p.setuptools
            p.pyelftools
          ]))
          pkgs.swig
          pkgs.which
          # Named by its path there, which here is in the tree.
          pkgs.buildPackages.dtc
        ];
        depsBuildBuild = [ pkgs.buildPackages.stdenv.cc ];
        hardeningDisable = [ "all" ];
        enableParallelBuilding = true;
        makeFlags = [
          "DTC=${lib.getExe pkgs.buildPackages.dtc}"
          "CROSS_COMPILE=${stdenv.cc.targetPrefix}"
          "HOSTCFLAGS=-fcommon"
        ]
        ++ extraMakeFlags;
        # As the newer forms have them: attributes are no variables of make's, and no file.
        __structuredAttrs = true;
        inherit extraConfig;
        configurePhase = ''
          runHook preConfigure
          make -j$NIX_BUILD_CORES ${defconfig}
          printf '%s' "$extraConfig" >> .config
          runHook postConfigure
        '';
        installPhase = ''
          runHook preInstall
          mkdir -p ${installDir}
          cp ${lib.concatStringsSep " " filesToInstall} ${installDir}
          mkdir -p "$out/nix-support"
          runHook postInstall
        '';
        dontStrip = true;
        meta = extraMeta;
      }
    )
  );

  # nixpkgs' takes the HDCP blob of another chip out of every source it is given: a patch and an `rm`, which a source that has
  # no such file does not survive.
  buildArmTrustedFirmware = checked "buildArmTrustedFirmware" (
    {
      filesToInstall,
      platform,
      version,
      src,
      installDir ? "$out",
      extraMakeFlags ? [ ],
      extraMeta ? { },
      ...
    }@args:
    stdenv.mkDerivation (
      removeAttrs args [
        "extraMeta"
        "filesToInstall"
      ]
      // {
        pname = "arm-trusted-firmware-${platform}";
        patches = [ ./tfa-without-hdcp.patch ];
        postPatch = "rm plat/rockchip/rk3399/drivers/dp/hdcp.bin";
        depsBuildBuild = [ pkgs.buildPackages.stdenv.cc ];
        nativeBuildInputs = [ pkgs.openssl ];
        makeFlags = [
          "HOSTCC=$(CC_FOR_BUILD)"
          "M0_CROSS_COMPILE=arm-none-eabi-"
          "CROSS_COMPILE=${stdenv.cc.targetPrefix}"
          "CC=${stdenv.cc.targetPrefix}cc"
          "LD=${stdenv.cc.targetPrefix}cc"
          "AS=${stdenv.cc.targetPrefix}cc"
          "OC=${stdenv.cc.targetPrefix}objcopy"
          "OD=${stdenv.cc.targetPrefix}objdump"
          "PLAT=${platform}"
        ]
        ++ extraMakeFlags;
        installPhase = ''
          runHook preInstall
          mkdir -p ${installDir}
          cp ${lib.concatStringsSep " " filesToInstall} ${installDir}
          runHook postInstall
        '';
        hardeningDisable = [ "all" ];
        dontStrip = true;
        # The forms of nixpkgs differ in it, from none to one that a recipe's own replaces.
        env = { };
        meta = extraMeta;
      }
    )
  );
}
