# SPDX-License-Identifier: MPL-2.0
# One cluster of NanoPi M6 nodes (nodes.nix): `nix build` makes every node's image, `nix build .#NODE` one.
{
  inputs.nanopi-m6.url = "github:OWNER/REPOSITORY"; # where you have this project from

  outputs =
    { nanopi-m6, ... }:
    let
      system = "x86_64-linux"; # of the machine that builds
      nodes = nanopi-m6.lib.mkImages (import ./nodes.nix);
      link = node: image: "ln -s ${image} $out/${node}";
    in
    {
      packages.${system} = nodes // {
        default = nanopi-m6.legacyPackages.${system}.pkgs.runCommand "images" { } ''
          mkdir $out
          ${builtins.concatStringsSep "\n" (builtins.attrValues (builtins.mapAttrs link nodes))}
        '';
      };
    };
}
