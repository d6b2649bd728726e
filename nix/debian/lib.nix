# SPDX-License-Identifier: MPL-2.0
# nixpkgs' lib, as far as the recipes use it; the names and meanings are nixpkgs' own (lib/ of nixpkgs 26.05).
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    elem
    filter
    head
    isList
    isString
    listToAttrs
    map
    match
    replaceStrings
    split
    stringLength
    substring
    ;
in
rec {
  fix =
    f:
    let
      x = f x;
    in
    x;

  optional = condition: value: if condition then [ value ] else [ ];
  optionals = condition: list: if condition then list else [ ];
  optionalString = condition: text: if condition then text else "";
  optionalAttrs = condition: set: if condition then set else { };

  inherit (builtins)
    attrNames
    attrValues
    concatLists
    concatMap
    concatStringsSep
    elem
    filter
    genList
    head
    isString
    any
    isFunction
    length
    sort
    listToAttrs
    mapAttrs
    readFile
    removeAttrs
    tail
    ;
  importJSON = path: builtins.fromJSON (builtins.readFile path);

  concatMapStringsSep =
    separator: f: list:
    concatStringsSep separator (map f list);
  concatLines = concatMapStringsSep "" (line: line + "\n");
  hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
  hasSuffix =
    suffix: text:
    let
      start = stringLength text - stringLength suffix;
    in
    start >= 0 && substring start (stringLength suffix) text == suffix;
  removePrefix =
    prefix: text:
    if hasPrefix prefix text then
      substring (stringLength prefix) (stringLength text - stringLength prefix) text
    else
      text;
  removeSuffix =
    suffix: text:
    if hasSuffix suffix text then
      substring 0 (stringLength text - stringLength suffix) text
    else
      text;
  splitString = separator: text: filter isString (split (escapeRegex separator) text);
  escapeRegex = replaceStrings
    [ "\\" "^" "$" "." "[" "]" "|" "(" ")" "?" "*" "+" "{" "}" ]
    [ "\\\\" "\\^" "\\$" "\\." "\\[" "\\]" "\\|" "\\(" "\\)" "\\?" "\\*" "\\+" "\\{" "\\}" ];
  escapeShellArg = text: "'" + replaceStrings [ "'" ] [ "'\\''" ] (toString text) + "'";
  escapeShellArgs = concatMapStringsSep " " escapeShellArg;

  nameValuePair = name: value: { inherit name value; };
  genAttrs = names: f: listToAttrs (map (name: nameValuePair name (f name)) names);
  mapAttrs' = f: set: listToAttrs (map (name: f name set.${name}) (attrNames set));
  mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
  filterAttrs =
    keep: set:
    listToAttrs (
      concatMap (name: optional (keep name set.${name}) (nameValuePair name set.${name})) (attrNames set)
    );
  imap0 = f: list: genList (n: f n (builtins.elemAt list n)) (length list);
  last = list: builtins.elemAt list (builtins.length list - 1);
  take = count: list: genList (builtins.elemAt list) (if count < length list then count else length list);
  unique = builtins.foldl' (seen: item: if elem item seen then seen else seen ++ [ item ]) [ ];
  flatten = value: if isList value then concatMap flatten value else [ value ];

  getExe = package: getExe' package (package.meta.mainProgram or (package.pname or package.name));
  getExe' = package: program: "${package}/bin/${program}";
  makeBinPath = concatMapStringsSep ":" (package: "${package}/bin");

  # nixpkgs' lib.fileset, for unions of paths and of a path's files by name: a source of just these below `root`.
  fileset = {
    unions = flatten;
    fileFilter = chosen: root: { inherit chosen root; };
    toSource =
      { root, fileset }:
      let
        wanted = map (
          set:
          if builtins.isAttrs set then
            set // { root = toString set.root; }
          else
            {
              root = toString set;
              chosen = _file: true;
            }
        ) (flatten fileset);
        under = path: directory: path == directory || hasPrefix (directory + "/") path;
      in
      builtins.path {
        name = "source";
        path = root;
        filter =
          path: type:
          builtins.any (
            set:
            under set.root path
            || under path set.root
            && (
              type == "directory"
              || set.chosen {
                name = baseNameOf path;
                inherit type;
              }
            )
          ) wanted;
      };
  };

  licenses = genAttrs [
    "asl20"
    "bsd3"
    "gpl2Only"
    "gpl2Plus"
    "mpl20"
    "unfreeRedistributableFirmware"
  ] (name: { shortName = name; });
  platforms.linux = [
    "x86_64-linux"
    "aarch64-linux"
  ];
}
