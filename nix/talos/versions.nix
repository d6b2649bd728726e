# SPDX-License-Identifier: MPL-2.0
# Which Talos an image gets, from the table of pinned releases (releases.nix). Versions as Talos tags them ("v1.10.9").
#   pinned      all of the table, oldest first
#   newest      the newest of them; pre-releases do not count; null when there is none
#   default     the newest one of the line that this project boots in its checks; null is Talos from source
#   fromSource  the version that is built from source
let
  line = "1.10";
  pinned = builtins.sort (a: b: builtins.compareVersions a b < 0) (
    builtins.attrNames (import ./releases.nix)
  );
  newestOf =
    pattern:
    builtins.foldl' (
      found: version: if builtins.match pattern version != null then version else found
    ) null pinned;
in
{
  inherit pinned;
  newest = newestOf "v[0-9.]+";
  default = newestOf "v${builtins.replaceStrings [ "." ] [ "[.]" ] line}[.][0-9]+";
  fromSource = "v1.10.6";
}
