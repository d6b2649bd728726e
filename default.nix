# SPDX-License-Identifier: MPL-2.0
# The packages of this project, from a package set: nixpkgs', or the embedded one when none is given.
{
  pkgs ? import ./nix/debian { },
  # The same set with every build another derivation, for the check that builds everything twice; or null.
  pkgsAgain ? import ./nix/debian { variation = "again"; },
  # Packages of this project that are built already and stand for those here.
  built ? { },
  # Rockchip's DDR blob: its version in nix/pins.nix ("v1.19"; with nixpkgs), or { blob, blobSha256 }, or neither (then the
  # image says that it starts no board).
  ddrBlob ? { },
  # U-Boot's release, a tag in nix/pins.nix.
  uBoot ? "v2025.01",
  # zst or xz.
  imageFormat ? "zst",
  # A flavour of nix/sources.nix, or "stock": Talos' own kernel of the release, with the release's initramfs as it is.
  kernelFlavour ? "lts",
  # A file of kernel options on top of ours (docs/building.md), or null.
  kernelConfig ? null,
  # { moduleKey, moduleCertificate }: your own instead of the published pair.
  moduleSigning ? { },
  # A release of nix/talos/releases.nix; without one, the payload is Talos from source.
  talosVersion ? null,
  # { source, revision, builder, version }: where the recipe is published (a URL, a commit) and who builds it (a URL), for what
  # is said of the overlay and of how everything was made; and what m6 says its version is.
  published ? { },
  # More of nix/talos/sd-image.nix: extraKernelArgs, overlayOptions, systemExtensions, …
  image ? { },
}@args:
let
  inherit (pkgs) lib;
  arm64 = pkgs.pkgsCross.aarch64-multiplatform;
  board = import ./nix/board.nix;
  sources = pkgs.callPackage ./nix/sources.nix { };
  release = pkgs.callPackage ./nix/talos/release.nix { version = talosVersion; };
  stock = kernelFlavour == "stock";
  # The source whose device trees, headers and bindings ours is compiled with: the stock kernel's is not built here.
  sourceFlavour = if stock then "lts" else kernelFlavour;
  uBootSource =
    sources.u-boot.${uBoot}
      or (throw "U-Boot ${uBoot}: nix/pins.nix has ${lib.concatStringsSep ", " (builtins.attrNames sources.u-boot)}");
  # program PACKAGESET DIRECTORY INTERNALS: one of this repository's Go programs.
  program =
    set: package: internal:
    set.callPackage ./nix/go.nix { inherit package internal; };
  # packagesOf FUNCTION: what it makes of its own result, with what is built already in its place.
  packagesOf = packages: lib.fix (self: packages self // built);
  # builtAgain ARGUMENTS: these packages over pkgsAgain.
  builtAgain =
    more:
    import ./. (
      args
      // {
        pkgs = pkgsAgain;
        pkgsAgain = null;
      }
      // more
    );
in
packagesOf (self: {
  inherit sources;

  # Each Go module's dependencies; goModules is those of image and checks.
  vendored = {
    root = self.oci-image.goModules;
    imager = self.imager.goModules;
    installer = self.talos-installer.goModules;
    talos = self.machined.goModules;
    containerd = self.containerd.goModules;
    cni = self.cni.goModules;
    executor-1-10 = self.checks.executor-1-10.goModules;
    executor-1-13 = self.checks.executor-1-13.goModules;
    node = self.checks.node.goModules;
    supply-chain = self.supply-chain.goModules;
    golangci-lint = self.go-lint.golangci-lint.goModules;
    kubernetes = self.cluster.kubernetes.goModules;
    etcd = self.cluster.etcd.goModules;
    coredns = self.cluster.coredns.goModules;
    flannel = self.cluster.flannel.goModules;
  };
  # Not those of the check `kubernetes`, which neither the image nor `make test` needs.
  goModules = builtins.attrValues (
    removeAttrs self.vendored [
      "kubernetes"
      "etcd"
      "coredns"
      "flannel"
    ]
  );

  # Boot chain
  tfa = arm64.callPackage ./nix/boot/tfa.nix { inherit sources; };
  ddr-blob = pkgs.callPackage ./nix/boot/ddr-blob.nix (
    { inherit sources; } // (if builtins.isString ddrBlob then { version = ddrBlob; } else ddrBlob)
  );
  u-boot = arm64.callPackage ./nix/boot/u-boot.nix {
    source = uBootSource;
    inherit (self) tfa;
    ddrBlob = self.ddr-blob;
  };

  # Kernel
  kernelConfigurations = lib.mapAttrs (
    flavour: source:
    arm64.callPackage ./nix/kernel/configuration.nix { inherit flavour source kernelConfig; }
  ) sources.linux;
  kernels = lib.mapAttrs (
    flavour: source:
    arm64.callPackage ./nix/kernel/linux.nix {
      inherit flavour source;
      configuration = self.kernelConfigurations.${flavour};
    }
  ) sources.linux;
  kernel =
    if !stock then
      arm64.callPackage ./nix/kernel/signed.nix (
        { kernel = self.kernels.${kernelFlavour}; } // moduleSigning
      )
    else if talosVersion == null then
      throw "kernelFlavour = \"stock\": Talos from source has no kernel of its own; name a release as talosVersion, or another kernel"
    else if moduleSigning != { } then
      throw "kernelFlavour = \"stock\": Talos signs that kernel's modules itself; moduleSigning is for the kernels built here"
    else
      pkgs.callPackage ./nix/kernel/stock.nix { inherit release; };
  dt-sources = pkgs.callPackage ./nix/kernel/dt-sources.nix {
    source = sources.deviceTrees.${sourceFlavour};
  };
  dtb = arm64.callPackage ./nix/kernel/dtb.nix { dtSources = self.dt-sources; };

  # This repository's programs
  installer =
    let
      installerFor =
        set:
        program set "installer" [
          "board"
          "disk"
          "esp"
          "fdt"
          "inspect/gpt"
          "medium"
          "rockchip"
        ];
    in
    {
      amd64 = installerFor pkgs.pkgsCross.gnu64;
      arm64 = installerFor arm64;
    };
  oci-image = program pkgs "cmd/oci-image" [ "oci" ];
  initramfs-modules = program pkgs "cmd/initramfs-modules" [
    "disk"
    "image"
    "inspect/diskfs"
    "inspect/initramfs"
  ];
  node-root = program pkgs "cmd/node-root" [ ];
  seekable = program pkgs "cmd/seekable" [
    "disk"
    "image"
  ];
  inherit
    (pkgs.callPackage ./nix/m6.nix {
      inherit (pkgs) callPackage;
      version = published.version or "development";
    })
    m6
    m6-release
    ;
  pin = program pkgs "cmd/pin" [
    "disk"
    "image"
    "inspect"
  ];
  supply-chain = pkgs.callPackage ./nix/supply-chain.nix { inherit (self) go-lint; };
  flannel = program arm64 "cmd/flannel" [ ];
  kernel-check = program pkgs "nix/tests/programs/kernel-check" [
    "fdt"
    "kconfig"
  ];

  # Talos
  imager = pkgs.callPackage ./nix/talos/imager.nix { };
  talosctl =
    if talosVersion == null then
      pkgs.callPackage ./nix/talos/talos.nix { packages = [ "cmd/talosctl" ]; }
    else
      release.talosctl;
  machined = arm64.callPackage ./nix/talos/talos.nix {
    packages = [
      "internal/app/machined"
      "internal/app/init"
    ];
  };
  containerd = arm64.callPackage ./nix/talos/containerd.nix { };
  cni = arm64.callPackage ./nix/talos/cni.nix { };
  initramfs =
    if talosVersion == null then
      self.initramfs-from-source
    else if stock then
      release.initramfs
    else
      pkgs.callPackage ./nix/talos/initramfs/official.nix {
        inherit (release) version initramfs;
        inherit (self) initramfs-modules kernel;
      };
  initramfs-from-source = pkgs.callPackage ./nix/talos/initramfs/from-source.nix {
    inherit sources;
    cni = [
      self.cni
      self.flannel
    ];
    inherit (self)
      node-root
      machined
      containerd
      kernel
      ;
  };
  overlay = pkgs.callPackage ./nix/talos/overlay.nix {
    inherit (self)
      oci-image
      installer
      u-boot
      dtb
      ;
    annotations = import ./nix/talos/annotations.nix {
      inherit
        lib
        sources
        published
        ;
      kernelFlavour = sourceFlavour;
      inherit (self) u-boot;
    };
  };
  systemd-boot = pkgs.callPackage ./nix/talos/systemd-boot.nix { inherit sources; };
  imagerTools = pkgs.callPackage ./nix/talos/imager-tools.nix { inherit sources; };
  officialPayload = talosVersion != null;
  talosVersion = if talosVersion == null then "v${self.machined.version}" else talosVersion;
  sdImage = pkgs.callPackage ./nix/talos/sd-image.nix (
    {
      inherit (self)
        imager
        imagerTools
        seekable
        systemd-boot
        kernel
        initramfs
        overlay
        talosVersion
        ;
      format = imageFormat;
      inherit (self) manifest;
    }
    // image
    // {
      overlayOptions =
        lib.optionalAttrs self.ddr-blob.standIn { allowStandIn = true; } // image.overlayOptions or { };
    }
  );
  manifest = import ./nix/talos/manifest.nix {
    inherit lib sources kernelFlavour;
    packages = self;
  };
  components = import ./nix/talos/components.nix {
    inherit
      lib
      sources
      kernelFlavour
      sourceFlavour
      published
      ;
    packages = self;
  };
  sbom = pkgs.callPackage ./nix/talos/sbom.nix {
    inherit sources;
    inherit (self) supply-chain;
    name = "talos-${board.name}";
    version = self.talosVersion;
    purpose = "OPERATING-SYSTEM";
    made = self.components.image;
  };
  overlay-sbom = pkgs.callPackage ./nix/talos/sbom.nix {
    inherit sources;
    inherit (self) supply-chain;
    name = "overlay-${board.name}";
    version = published.revision or "0";
    purpose = "FIRMWARE";
    made = self.components.overlay;
  };
  provenance = pkgs.callPackage ./nix/talos/provenance.nix {
    inherit published;
    inherit (self)
      sdImage
      overlay
      sbom
      overlay-sbom
      ;
    made = self.components.image;
    again = if self.again == null then null else self.again.sdImage;
    parameters = {
      inherit (self) talosVersion;
      kernel = kernelFlavour;
      format = imageFormat;
      profile = image.profileName or board.name;
      inherit uBoot;
      ddrBlob =
        if self.ddr-blob.standIn then
          "none"
        else if self.ddr-blob.version != null then
          "rkbin ${self.ddr-blob.version}"
        else
          self.ddr-blob.sha256;
    };
  };
  # installerImageOn BASE: on Talos' installer base, which a build has to be handed ({ tarballPath } or { ociPath }).
  installerImageOn =
    base:
    pkgs.callPackage ./nix/talos/installer-image.nix {
      inherit base;
      inherit (self)
        imager
        imagerTools
        oci-image
        sdImage
        ;
    };
  grub = pkgs.callPackage ./nix/talos/grub.nix { inherit (self) imagerTools; };
  talos-installer = arm64.callPackage ./nix/talos/installer.nix { };
  installer-base = pkgs.callPackage ./nix/talos/installer-base.nix {
    inherit sources;
    inherit (self) oci-image grub;
    installer = self.talos-installer;
    grubInstall = program arm64 "cmd/grub-install" [ "esp" ];
  };
  # On the base of the release; without a pinned one, a package that does not build and says why. Talos from source has a
  # base from source.
  installerImage =
    if talosVersion == null then
      self.installerImageOn { ociPath = "${self.installer-base}"; }
    else if release.installerBase != null then
      self.installerImageOn release.installerBase
    else
      pkgs.callPackage ./nix/talos/installer-image-unpinned.nix { inherit (self) talosVersion; };
  # Kernel, modules and device trees in the layout of Talos' own kernel package.
  kernelImage = pkgs.callPackage ./nix/talos/kernel-image.nix {
    inherit (self) oci-image kernel dtb;
  };

  # What the checks of Go code ask.
  go-lint = pkgs.callPackage ./nix/tests/go-lint.nix { };
  # What the tests boot with: the board's boot flow on QEMU's virt machine.
  boot-test = program pkgs "nix/tests/programs/boot" [
    "child"
    "disk"
    "image"
    "qemu"
  ];
  # The board in QEMU (docs/board-model.md).
  qemu-nanopi-m6 = pkgs.callPackage ./nix/tests/qemu/qemu.nix { inherit sources; };
  u-boot-qemu = arm64.callPackage ./nix/boot/u-boot-qemu.nix { source = uBootSource; };

  # What tests of another module ask: a registry, QEMU, and a program that waits.
  registry = program pkgs "nix/tests/programs/registry" [ ];
  start-qemu = program pkgs "nix/tests/programs/start-qemu" [
    "child"
    "disk"
    "image"
    "qemu"
  ];
  pause = program arm64 "nix/tests/programs/pause" [ ];

  # All of it once more, or null. What a compiler makes is made once in `make test`: reproducible-programs makes it again.
  again =
    if pkgsAgain == null then
      null
    else
      builtAgain {
        built = {
          inherit (self)
            kernels
            dt-sources
            tfa
            u-boot
            u-boot-qemu
            installer
            oci-image
            initramfs-modules
            node-root
            seekable
            flannel
            imager
            imagerTools
            machined
            containerd
            cni
            talos-installer
            ;
        };
      };
  checks = import ./nix/tests {
    inherit
      pkgs
      arm64
      lib
      sources
      ;
    packages = self;
    inherit (self) again;
  };
  # A line for each check: its name and its output.
  checkPaths = lib.concatStringsSep "\n" (
    lib.mapAttrsToList (name: check: "${name} ${check.outPath}") self.checks
  );
  # A node's life, in many boots: not in `make test`. nix/debian/build life, or another name of nix/tests/life.nix
  life = pkgs.callPackage ./nix/tests/life.nix {
    inherit (self)
      go-lint
      imagerTools
      sdImage
      installerImage
      overlay
      u-boot
      ddr-blob
      pause
      registry
      start-qemu
      u-boot-qemu
      ;
  };
  life-upgrades = self.life.override { name = "life-upgrades"; };
  life-hangs = self.life.override { name = "life-hangs"; };
  life-card = self.life.override { name = "life-card"; };
  life-two-disks = self.life.override { name = "life-two-disks"; };
  power-cuts = self.life.override { name = "power-cuts"; };
  # Kubernetes from its Go modules, and its images.
  cluster = import ./nix/kubernetes {
    inherit pkgs arm64 sources;
    inherit (self) oci-image node-root pause;
    web = program arm64 "nix/tests/programs/web" [ ];
  };
  # A node that runs it: not in `make test`. nix/debian/build kubernetes, or the other name of nix/tests/kubernetes.nix
  kubernetes = pkgs.callPackage ./nix/tests/kubernetes.nix {
    inherit (self)
      go-lint
      sdImage
      registry
      start-qemu
      u-boot-qemu
      ;
    inherit (self.life) files installers;
    inherit (self.cluster) images kubectl;
  };
  kubernetes-worker = self.kubernetes.override { name = "kubernetes-worker"; };
  # What a compiler makes, once more: not in `make test`, but in `make test-all`.
  reproducible-programs =
    let
      programs = packages: {
        inherit (packages)
          tfa
          u-boot
          containerd
          machined
          cni
          flannel
          imager
          talos-installer
          ;
        inherit (packages) m6-release;
        installer-amd64 = packages.installer.amd64;
        installer-arm64 = packages.installer.arm64;
      };
    in
    pkgs.callPackage ./nix/tests/reproducible.nix {
      first = programs self;
      second = programs (builtAgain {
        built = { inherit (self) kernels; };
      });
    };
  # Linux on the board's model, the whole image, and a node: in `make test-all`.
  board-linux = pkgs.callPackage ./nix/tests/board-linux.nix {
    inherit (self) kernel qemu-nanopi-m6 sdImage;
    inherit (sources) workloadPackages;
  };
  board-boot = pkgs.callPackage ./nix/tests/board-boot.nix {
    inherit (self)
      boot-test
      installer
      qemu-nanopi-m6
      sdImage
      u-boot
      ;
  };
  board-node = pkgs.callPackage ./nix/tests/board-node.nix {
    inherit (self)
      go-lint
      qemu-nanopi-m6
      sdImage
      start-qemu
      ;
  };
  # nix/debian/build reproducible-kernel
  reproducible-kernel = pkgs.callPackage ./nix/tests/reproducible.nix {
    first.kernel = self.kernels.${sourceFlavour};
    second.kernel = (builtAgain { }).kernels.${sourceFlavour};
  };
})
