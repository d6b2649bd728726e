# SPDX-License-Identifier: MPL-2.0
# Talos' own kernel, as the release has it. Arguments: `release` (nix/talos/release.nix). Outputs: Image; its modules are in the
# release's initramfs.
{ runCommand, release }:
runCommand "linux-talos-${release.version}" { passthru = { inherit (release) version; }; } ''
  mkdir $out
  cp ${release.kernel} $out/Image
''
