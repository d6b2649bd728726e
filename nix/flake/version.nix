# SPDX-License-Identifier: MPL-2.0
# What m6 says its version is: the newest release of CHANGELOG.md while nothing stands above it, which the workflow compares with
# the tag; else the commit and its day. Arguments: `self`, the flake.
{ lib, self }:
let
  newest = builtins.elemAt (lib.splitString "\n## " (builtins.readFile ../../CHANGELOG.md)) 1;
  word = builtins.head (builtins.split "[ ,\n]" newest);
in
if lib.hasPrefix "v" word then
  word
else
  "${builtins.substring 0 8 (self.lastModifiedDate or "00000000")}-${self.shortRev or "changed"}"
