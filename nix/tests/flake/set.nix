# SPDX-License-Identifier: MPL-2.0
# The outputs of a flake that stands in for nixpkgs: the embedded package set, cut down to the names and arguments of
# nix/debian/interface.nix when `onlyKnown`. What only nixpkgs has is there under its name; it evaluates and builds nothing.
{ onlyKnown }:
let
  interface = import ../../debian/interface.nix;
  embeddedLib = import ../../debian/lib.nix;
  inherit (embeddedLib) genAttrs filter elem;
  restrict = names: set: builtins.intersectAttrs (genAttrs names (_: null)) set;
  lib = if onlyKnown then restrict interface.lib.names embeddedLib else embeddedLib;

  forSystem =
    system:
    let
      standIn =
        name: hash:
        derivation (
          {
            inherit name system;
            builder = "/stands/in/for/nixpkgs";
          }
          // (
            if hash == null then
              { }
            else
              {
                outputHash = hash;
                outputHashMode = "recursive";
              }
          )
        )
        // {
          version = "1.26.5";
          overrideAttrs = changes: standIn name null // changes;
        };
      source = { hash, ... }@arguments: standIn "source" hash;

      # checked NAME FUNCTION: refuses what nixpkgs' function of that name is not known to take.
      checked =
        name: f: arguments:
        let
          inherit (interface.builders.${name}) arguments passed;
          known = arguments ++ passed;
        in
        f;

      complete =
        set:
        genAttrs (builtins.attrNames interface.packages) (name: standIn name null)
        // set
        // {
          inherit lib;
          callPackage = embeddedLib.callPackageWith final;
          fetchFromGitHub = source;
          fetchFromGitLab = source;
          buildGo126Module = set.buildGoModule;
        };
      final = { };
    in
    final;
in
{
  inherit lib;
  legacyPackages = genAttrs [ "x86_64-linux" "aarch64-linux" ] forSystem;
}
