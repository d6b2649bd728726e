# SPDX-License-Identifier: MPL-2.0
# Reads nix/debian/lock.
#   files.NAME     { path, size, sha256, storeName, url }: one file of Debian's archive
#   closures.TOOL  names of files: a tool with everything it depends on
#   bootstrap      hash of the directory that holds busybox
let
  inherit (builtins)
    elemAt
    filter
    head
    isString
    listToAttrs
    map
    match
    replaceStrings
    split
    tail
    ;
  words = line: filter (word: isString word && word != "") (split " " line);
  lines = map words (filter (line: isString line && match "#.*|" line == null) (split "\n" (builtins.readFile ./lock)));
  of = kind: map tail (filter (line: head line == kind) lines);
  snapshot = head (head (of "snapshot"));

  file =
    fields:
    let
      path = elemAt fields 1;
    in
    {
      name = head fields;
      value = {
        inherit path;
        size = builtins.fromJSON (elemAt fields 2);
        sha256 = elemAt fields 3;
        # Nix' store names have no such characters.
        storeName = replaceStrings [ "~" ":" "%" ] [ "_" "_" "_" ] (baseNameOf path);
        # The archive that keeps every file for good; a mirror keeps only what is current.
        url = "https://snapshot.debian.org/archive/debian/${snapshot}/${path}";
      };
    };
in
rec {
  files = listToAttrs (map file (of "file"));
  closures = listToAttrs (
    map (fields: {
      name = head fields;
      value = tail fields;
    }) (of "closure")
  );
  bootstrap = head (head (of "bootstrap"));
}
