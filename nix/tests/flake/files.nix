# SPDX-License-Identifier: MPL-2.0
# The files that evaluating the flake reads, as a tree. Of code and documents evaluation asks which there are, not what they
# say: here they are empty, and a changed one makes no other tree. What a Nix file does read belongs in `read`.
{ lib, runCommand }:
let
  root = ../../..;
  read = [
    ../../../.golangci.yml
    ../../../CHANGELOG.md
    ../../../LICENSE
    ../../../default.nix
    ../../../flake.lock
    ../../../flake.nix
    ../../../go.mod
    ../../../go.sum
    ../../../installer/options.go
  ];
  named = [
    ../../../CONTRIBUTING.md
    ../../../README.md
  ];
  directories = [
    ../../../.ci
    ../../../.github
    ../../../cmd
    ../../../docs
    ../../../dts
    ../../../installer
    ../../../internal
    ../../../nix
    ../../../patches
    ../../../profiles
    ../../../templates
  ];
  isEmpty =
    name:
    builtins.any (suffix: lib.hasSuffix suffix name) [
      ".c"
      ".go"
      ".h"
      ".md"
    ];
  below =
    path: name: type:
    if type == "directory" then
      let
        entries = builtins.readDir (root + "${path}/${name}");
      in
      lib.concatMap (entry: below "${path}/${name}" entry entries.${entry}) (builtins.attrNames entries)
    else
      lib.optional (isEmpty name) "${path}/${name}";
  empty =
    map (file: "/${baseNameOf file}") named
    ++ lib.concatMap (directory: below "" (baseNameOf directory) "directory") directories;
in
runCommand "flake-files"
  {
    src = lib.fileset.toSource {
      inherit root;
      fileset = lib.fileset.unions (
        read ++ map (lib.fileset.fileFilter (file: !isEmpty file.name)) directories
      );
    };
    empty = lib.concatLines empty;
    passAsFile = [ "empty" ];
  }
  ''
    cp -r $src $out
    chmod -R u+w $out
    while read -r file; do
      mkdir -p $out''${file%/*}
      [ -e $out$file ] || : >$out$file
    done <$emptyPath
  ''
