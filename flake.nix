# SPDX-License-Identifier: MPL-2.0
# Wiring: default.nix on nixpkgs, and what people and their CI take from it. docs/nix.md has the table of outputs.
{
  description = "Talos Linux for the FriendlyElec NanoPi M6: disk image, overlay and their parts";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      pkgsFor = system: import ./nix/flake/recipes.nix nixpkgs.legacyPackages.${system};
      # project PKGS ARGUMENTS: default.nix with what only the Internet has: Rockchip's DDR blob, Collabora's kernel, and
      # Talos' own payload once a release of the default line is pinned. ARGUMENTS are default.nix' own; those given count.
      project =
        pkgs: arguments:
        import ./. (
          {
            inherit pkgs;
            # nixpkgs has `nix build --rebuild` for it.
            pkgsAgain = null;
            kernelFlavour = "collabora";
            talosVersion = (import ./nix/talos/versions.nix).default;
            ddrBlob = "v1.19";
          }
          // arguments
        );
      # perSystem FILE: a file of nix/flake for each system.
      perSystem =
        file:
        lib.genAttrs systems (
          system:
          import file {
            inherit
              lib
              project
              self
              system
              ;
            pkgs = pkgsFor system;
          }
        );
    in
    {
      packages = perSystem ./nix/flake/packages.nix;
      # All of default.nix, and the package set it is made of.
      legacyPackages = lib.genAttrs systems (
        system:
        let
          pkgs = pkgsFor system;
        in
        project pkgs { } // { inherit pkgs; }
      );
      apps = perSystem ./nix/flake/apps.nix;
      checks = perSystem ./nix/flake/checks.nix;
      devShells = perSystem ./nix/flake/shells.nix;
      formatter = lib.genAttrs systems (system: (pkgsFor system).nixfmt);
      hydraJobs = import ./nix/flake/hydra.nix { inherit self lib systems; };
      lib = import ./nix/lib { inherit lib pkgsFor project; };
      templates = rec {
        default = node;
        node = {
          path = ./templates/node;
          description = "one cluster of NanoPi M6 nodes: images from data";
        };
      };
    };
}
