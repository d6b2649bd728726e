# SPDX-License-Identifier: MPL-2.0
# shellcheck shell=bash disable=SC2154 # the attributes of the derivation are its variables
# structured.sh: what a build with structured attributes has of them (nix/tests/nixpkgs-strict.nix has the attributes). Sourced
# by its installPhase.
want() { # WHAT GOT WANT
  [ "$2" = "$3" ] || {
    echo "structured.sh: $1: got '$2', want '$3'" >&2
    exit 1
  }
}
want "a list's elements" "${#list[@]} ${list[0]}|${list[1]}" "3 a b|c"
want "a path in a list" "$(ls "${list[2]}/structured.sh")" "${list[2]}/structured.sh"
want "a set" "${set[key]}" "y z"
want "true, false, null" "$flag|$off|$nothing" "1||"
want "text" "$text" "it's text"
want "text as a file, which structured attributes have not" "${textPath-none}" none
want "a list of lists" "${nested-none}" none
want "the environment" "$(printenv name list flag text preBuild EXPORTED out | tr '\n' ' ')" "exported $out "
want "make's flags" "$(cat made)" "one two"
