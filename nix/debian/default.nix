# SPDX-License-Identifier: MPL-2.0
# The embedded package set: nixpkgs' vocabulary, as far as the recipes use it, made of hash-pinned Debian packages.
# Arguments: the system the builds run on; `variation`: any text, which makes every build another derivation with the same
# content (nix/tests/reproducible.nix builds everything again by it); and `adapt`: a function of the set to the one that
# recipes see (nix/tests/flake). Outputs: a set like nixpkgs' `pkgs`.
{
  system ? "x86_64-linux",
  variation ? null,
  adapt ? (pkgs: pkgs),
}:
let
  lib = import ./lib.nix;
  lock = import ./lock.nix;
  tools = import ./tools.nix;
  interface = import ./interface.nix;
  # A file's store path depends on its name and hash alone, so that what `prefetch` put there from any mirror is it.
  sources = import ../sources.nix { inherit lib fetchurl; };

  fetchurl =
    {
      url ? builtins.head urls,
      urls ? [ url ],
      hash ? "",
      sha256 ? hash,
      name ? baseNameOf url,
    }:
    derivation {
      inherit name url;
      builder = "builtin:fetchurl";
      system = "builtin";
      outputHashMode = "flat";
      outputHashAlgo = if lib.hasPrefix "sha256-" sha256 then null else "sha256";
      outputHash = sha256;
      executable = false;
      unpack = false;
      preferLocalBuild = true;
      impureEnvVars = [
        "http_proxy"
        "https_proxy"
        "no_proxy"
      ];
    };

  # busybox, put there by `prefetch` out of the locked package; nothing else could unpack the first package.
  bootstrap = derivation {
    name = "bootstrap";
    inherit system;
    builder = "/nix/debian/prefetch/has/to/run/first";
    outputHashMode = "recursive";
    outputHashAlgo = "sha256";
    outputHash = lock.bootstrap;
  };

  # treeOf TOOLS: one root file tree of the tools named, what nixpkgs' packages of these names propagate, and what runs of
  # everything they depend on: Debian's packages with headers and link libraries only where a tool has them itself.
  treeOf =
    named:
    let
      complete = propagated (lib.unique ([ "enter" ] ++ named));
      ofAll = field: lib.unique (lib.concatMap (name: tools.${name}.${field}) complete);
      packages = map packageName (ofAll "packages");
      without = lib.concatMap (name: tools.${name}.without or [ ]) complete;
      isDevelopment = name: builtins.match ".*-dev(-.*-cross)?" name != null;
    in
    derivation {
      name = "debian-tree";
      inherit system;
      builder = "${bootstrap}/bin/sh";
      args = [ ./tree.sh ];
      busybox = bootstrap;
      debs = map sources.debianFile (
        lib.filter (name: (!(isDevelopment name) || lib.elem name packages) && !(lib.elem name without)) (
          lib.sort builtins.lessThan (lib.unique (lib.concatMap (tool: lock.closures.${tool}) complete))
        )
      );
      compiler = ./compiler.sh;
      linker = ./linker.sh;
      # Of some tools every program of their packages, of the others those that they name.
      whole = map packageName (
        lib.concatMap (name: lib.optionals (tools.${name}.programs == null) tools.${name}.packages) complete
      );
      programs = lib.unique (
        lib.concatMap (name: lib.optionals (tools.${name}.programs != null) tools.${name}.programs) complete
      );
      preferLocalBuild = true;
    };
  # propagated NAMES: with what they bring along.
  propagated =
    names:
    let
      more = lib.filter (name: !(lib.elem name names)) (
        lib.unique (lib.concatMap (name: tools.${name}.propagates or [ ]) names)
      );
    in
    if more == [ ] then names else propagated (names ++ more);
  # The package that an entry of tools.nix names.
  packageName = entry: builtins.head (lib.splitString "/" (lib.removePrefix "alone:" entry));

  # storePaths VALUE: the store paths in an attribute of a derivation, each with its context.
  storePaths =
    value:
    if builtins.isList value then
      lib.concatMap storePaths value
    else if builtins.isString value then
      map (found: builtins.appendContext (builtins.head found) (builtins.getContext value)) (
        lib.filter builtins.isList (
          builtins.split "(${builtins.storeDir}/[0-9a-z]{32}-[-+._?=0-9a-zA-Z]+)" (builtins.unsafeDiscardStringContext value)
        )
      )
    else if builtins.isPath value || builtins.isAttrs value then
      storePaths "${value}"
    else
      [ ];

  # structured ATTRIBUTES: them as Nix' .attrs.sh has structured attributes: lists are arrays, sets of strings are associative
  # arrays, and what a shell cannot hold is left out. Nix' own would come with a JSON form of exportReferencesGraph, which
  # busybox' shell cannot read.
  structured =
    attributes:
    let
      isSet = value: builtins.isAttrs value && !(value ? outPath);
      isSimple =
        value:
        !(builtins.isList value || isSet value || builtins.isFloat value || lib.isFunction value);
      quoted = value: lib.escapeShellArg (if builtins.isPath value then "${value}" else value);
      declaration =
        name: value:
        if builtins.match "[A-Za-z_][A-Za-z0-9_]*" name == null then
          [ ]
        else if isSimple value then
          [ "declare ${name}=${quoted value}" ]
        else if builtins.isList value && builtins.all isSimple value then
          [ "declare -a ${name}=(${lib.concatMapStringsSep " " quoted value})" ]
        else if isSet value && builtins.all isSimple (builtins.attrValues value) then
          [ "declare -A ${name}=(${lib.concatMapStringsSep " " (key: "[${quoted key}]=${quoted value.${key}}") (builtins.attrNames value)})" ]
        else
          [ ];
    in
    lib.concatLines (lib.concatLists (lib.mapAttrsToList declaration attributes));

  # A tool is not a store path of its own: it names packages that the derivation's file tree then holds.
  tool =
    name:
    let
      self = {
        debianTools = [ name ];
        outPath = "/usr";
        type = "tool";
        inherit name;
      };
    in
    # nixpkgs' outputs that recipes use; Debian has them in one place.
    self // lib.genAttrs tools.${name}.outputs (_: self);

  stdenvFor =
    hostPlatform: compilers:
    let
      cross = hostPlatform.system != system;
      targetPrefix = if cross then "${hostPlatform.config}-" else "";
      mkDerivation =
        argument:
        let
          # The fixed point that nixpkgs' finalAttrs is.
          attributes =
            if lib.isFunction argument then argument (attributes // { finalPackage = package; }) else argument;
          package = build attributes;
        in
        package;

      build =
        attributes:
        let
          refused =
            lib.filter (name: attributes ? ${name}) interface.builders."stdenv.mkDerivation".refused
            # Libraries for the board are in no package here.
            ++ lib.optional (cross && (attributes.buildInputs or [ ]) != [ ]) "buildInputs";
          inputs = lib.flatten (
            (attributes.nativeBuildInputs or [ ])
            ++ (attributes.depsBuildBuild or [ ])
            ++ (attributes.buildInputs or [ ])
          );
          isTool = input: input ? debianTools;
          rootTree = treeOf (
            [ "base" ] ++ compilers ++ lib.concatMap (input: input.debianTools) (lib.filter isTool inputs)
          );
          hardeningDisable = attributes.hardeningDisable or [ ];
          unknownFlags = lib.filter (flag: !(lib.elem flag ([ "all" ] ++ interface.hardening.known))) hardeningDisable;
          storeInputs = list: lib.filter (input: !(isTool input)) (lib.flatten list);
          own =
            removeAttrs attributes [
              "__structuredAttrs"
              "depsBuildBuild"
              "env"
              "finalPackage"
              "hardeningDisable"
              "meta"
              "nativeBuildInputs"
              "buildInputs"
              "passthru"
              "pname"
              "version"
              "src"
            ]
            // lib.filterAttrs (_: value: value != null) {
              pname = attributes.pname or null;
              version = attributes.version or null;
              src = attributes.src or null;
            };
          inherited = {
            name = attributes.name or "${attributes.pname}-${attributes.version}";
            nativeBuildInputs = storeInputs (attributes.nativeBuildInputs or [ ]);
            buildInputs = storeInputs (attributes.buildInputs or [ ]);
          };
          environment =
            if attributes.__structuredAttrs or false then
              lib.filterAttrs (name: _: lib.hasPrefix "outputHash" name || name == "impureEnvVars") own
              // {
                structuredAttributes = structured (own // inherited);
                passAsFile = [ "structuredAttributes" ];
              }
            else
              own;
          complete =
            environment
            // lib.optionalAttrs (variation != null) { inherit variation; }
            // (attributes.env or { })
            // inherited
            // {
              inherit system rootTree;
              setup = ./setup.sh;
              NIX_HARDENING_ENABLE =
                if lib.elem "all" hardeningDisable then
                  ""
                else
                  toString (
                    lib.filter (
                      flag:
                      !(lib.elem flag hardeningDisable)
                      # Without the weaker form there is no stronger one.
                      && !(flag == "fortify3" && lib.elem "fortify" hardeningDisable)
                    ) interface.hardening.default
                  );
            }
            // lib.optionalAttrs cross { nixCross = "1"; }
            // lib.optionalAttrs (compilers != [ ]) { compilerPrefix = targetPrefix; };
          # Nix writes a file inputs-N of what each input refers to: all that the build sees of the store.
          inputPaths = lib.unique (lib.concatMap storePaths (builtins.attrValues complete));
          result = derivation (
            complete
            // {
              builder = "${bootstrap}/bin/sh";
              args = [ ./enter.sh ];
              exportReferencesGraph = lib.concatLists (
                lib.imap0 (number: path: [
                  "inputs-${toString number}"
                  path
                ]) inputPaths
              );
            }
          );
        in
        if unknownFlags != [ ] then
          throw "nix/debian: ${attributes.name or attributes.pname}: hardeningDisable: nixpkgs knows no ${toString unknownFlags} (nix/debian/interface.nix)"
        else if refused != [ ] then
          throw "nix/debian: ${attributes.name or attributes.pname}: mkDerivation of the embedded set does not know ${toString refused}, which nixpkgs' does (nix/debian/interface.nix)"
        else
          own
          // result
          // (attributes.passthru or { })
          // {
            meta = attributes.meta or { };
            passthru = attributes.passthru or { };
            inherit rootTree;
            nativeBuildInputs = attributes.nativeBuildInputs or [ ];
            depsBuildBuild = attributes.depsBuildBuild or [ ];
            # CHANGES, of the attributes so far, or of the final ones and those.
            overrideAttrs =
              f:
              let
                one = if lib.isFunction f then f attributes else f;
                final = build (attributes // (if lib.isFunction one then f final attributes else one));
              in
              final;
          }
          // lib.optionalAttrs (attributes ? pname) { inherit (attributes) pname version; };
    in
    {
      inherit mkDerivation hostPlatform;
      buildPlatform = platforms.${system};
      cc = {
        debianTools = compilers;
        inherit targetPrefix;
        outPath = "/usr";
        type = "tool";
      };
    };

  platforms = {
    x86_64-linux = {
      system = "x86_64-linux";
      config = "x86_64-linux-gnu";
      go.GOARCH = "amd64";
      linuxArch = "x86_64";
      isAarch64 = false;
    };
    aarch64-linux = {
      system = "aarch64-linux";
      config = "aarch64-linux-gnu";
      go.GOARCH = "arm64";
      linuxArch = "arm64";
      isAarch64 = true;
    };
  };

  # The packages for one host platform. In a cross build the build platform's own compiler is there for those who name it
  # (depsBuildBuild = [ buildPackages.stdenv.cc ]).
  packagesFor =
    hostPlatform: compilers:
    let
      pkgs = adapt own;
      own =
        toolPackages
        // {
          inherit
            lib
            fetchurl
            system
            ;
          inherit (pkgs.stdenv) hostPlatform buildPlatform;
          stdenv = stdenvFor hostPlatform compilers;
          stdenvNoCC = stdenvFor hostPlatform [ ];
          callPackage = callPackageWith pkgs;
          newScope = more: callPackageWith (pkgs // more);
          buildPackages = native;
          pkgsCross = {
            aarch64-multiplatform = packagesFor platforms.aarch64-linux [ "crossCC" ];
            gnu64 = packagesFor platforms.x86_64-linux [ "cc" ];
          };
          pkgsBuildBuild = native;

          # runCommand NAME ENVIRONMENT SCRIPT, without a compiler as nixpkgs' runCommand... has one: recipes here say so.
          runCommand = runCommandWith pkgs.stdenvNoCC;
          runCommandCC = runCommandWith pkgs.stdenv;
          runtimeShell = "/usr/bin/bash";
          writeText = name: text: builtins.toFile name text;
          emptyDirectory = pkgs.runCommand "empty-directory" { } "mkdir $out";
        }
        // import ./builders.nix {
          inherit lib tool;
          pkgs = own;
        };
    in
    pkgs;

  runCommandWith =
    stdenv: name: environment: buildCommand:
    stdenv.mkDerivation (environment // { inherit name buildCommand; });

  callPackageWith =
    pkgs: path: overrides:
    let
      f = if lib.isFunction path then path else import path;
      wanted = builtins.functionArgs f;
      missing = lib.filter (name: !wanted.${name} && !(pkgs ? ${name}) && !(overrides ? ${name})) (
        builtins.attrNames wanted
      );
      make =
        arguments:
        let
          result = f arguments;
        in
        if builtins.isAttrs result then
          result // { override = changes: make (arguments // changes); }
        else
          result;
    in
    if missing != [ ] then
      throw "nix/debian: ${toString path} wants ${toString missing}, which the embedded package set does not have"
    else
      make (builtins.intersectAttrs wanted pkgs // overrides);

  toolPackages =
    builtins.mapAttrs (name: _: tool name) (
      removeAttrs tools [
        "base"
        "cc"
        "crossCC"
        "enter"
        "go"
        "python3"
        "python3-libfdt"
        "python3-pyelftools"
        "python3-setuptools"
      ]
    )
    // {
      # In every tree already.
      bash = tool "base";
      bzip2 = tool "base";
      coreutils = tool "base";
      gnutar = tool "base";
      xz = tool "base";
      file = tool "base";
      python3 = tool "python3" // {
        # python3.withPackages (p: [ … ]): an interpreter that finds them.
        withPackages = choose: {
          debianTools = [ "python3" ] ++ lib.concatMap (p: p.debianTools) (choose pythonPackages);
          outPath = "/usr";
          type = "tool";
          name = "python3";
        };
        pkgs = pythonPackages;
      };
    };
  pythonPackages = {
    libfdt = tool "python3-libfdt";
    pyelftools = tool "python3-pyelftools";
    setuptools = tool "python3-setuptools";
  };

  native = packagesFor platforms.${system} [ "cc" ];

  # What nix/debian/prefetch reads: the directory with busybox, its hash, and the package it is unpacked from; then
  # STOREPATH POOLPATH SHA256 SIZE a line.
  prefetchRows = lib.concatStringsSep "\n" (
    [ "${bootstrap} ${lock.bootstrap} ${sources.debianFile "busybox-static"}" ]
    ++ lib.mapAttrsToList (
      name: f: "${sources.debianFile name} ${f.path} ${f.sha256} ${toString f.size}"
    ) lock.files
  );
in
native // { inherit prefetchRows; }
