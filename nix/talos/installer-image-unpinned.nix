# SPDX-License-Identifier: MPL-2.0
# Stands for the installer image of a release whose base is not pinned: evaluates, and its build says what to do.
# Arguments: `talosVersion`. passthru.unpinned tells CI to leave it out.
{ runCommand, talosVersion }:
runCommand "talos-${talosVersion}-${(import ../board.nix).name}-installer-unpinned" { passthru.unpinned = true; } ''
  cat >&2 <<'END'
  installerImage: nix/talos/releases.nix has no installer base of Talos ${talosVersion}.
    hint: in a clone, nix run .#pin -- ${talosVersion} --installer-base
    or hand in a base of your own: docs/nix.md, "The installer image, for upgrades"
  END
  exit 1
''
