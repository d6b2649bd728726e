# SPDX-License-Identifier: MPL-2.0
# The outputs of a flake that stands in for nixpkgs: the embedded package set, and what only nixpkgs has under its name,
# which evaluates and cannot be built. When `onlyKnown`, nothing but the names of nix/debian/interface.nix.
{ onlyKnown }:
let
  interface = import ../../debian/interface.nix;
  everything = import ../../debian/lib.nix;
  inherit (everything)
    attrNames
    genAttrs
    ;
  restrict = names: builtins.intersectAttrs (genAttrs names (_: null));
  lib = if onlyKnown then restrict interface.lib.names everything else everything;

  # standIn NAME HASH SYSTEM: a package, or a source when it has a hash.
  standIn =
    name: hash: system:
    let
      fixed =
        if hash == null then
          { }
        else
          {
            outputHash = hash;
            outputHashMode = "recursive";
          };
      package = derivation (
        {
          inherit name system;
          builder = "/nixpkgs/has/this";
        }
        // fixed
      );
    in
    package
    // {
      # Older than nix/pins.nix' go, as the pinned nixpkgs'.
      version = "1.26.5";
      meta.mainProgram = name;
      overrideAttrs = changes: package // changes;
    };
  fetcher =
    name: system:
    arguments:
    let
      known = interface.builders.${name}.arguments;
      unknown = builtins.filter (argument: !(builtins.elem argument known)) (attrNames arguments);
    in
    if unknown == [ ] then
      standIn "source" (arguments.hash or arguments.sha256) system
    else
      throw "${name} does not know ${toString unknown} (nix/debian/interface.nix)";

  setFor =
    system:
    import ../../debian {
      inherit system;
      adapt =
        set:
        let
          complete =
            genAttrs (attrNames interface.packages) (name: standIn name null system)
            // set
            // {
              inherit lib;
              fetchFromGitHub = fetcher "fetchFromGitHub" system;
              fetchFromGitLab = fetcher "fetchFromGitLab" system;
              dockerTools.pullImage = fetcher "dockerTools.pullImage" system;
              buildGo126Module = {
                __functor = _: set.buildGoModule;
                override = _: set.buildGoModule;
              };
              mkShell = arguments: standIn "shell" null system // { inherit arguments; };
              # Older than nix/pins.nix' as well.
              xfsprogs = set.xfsprogs // {
                version = "6.17.0";
                overrideAttrs = changes: set.xfsprogs // changes;
              };
            };
          known = attrNames interface.packages ++ attrNames interface.names ++ attrNames interface.builders;
        in
        if onlyKnown then restrict known complete else complete;
    };
in
{
  inherit lib;
  legacyPackages = genAttrs [
    "x86_64-linux"
    "aarch64-linux"
  ] setFor;
}
