# SPDX-License-Identifier: MPL-2.0
# shellcheck shell=bash
# debianMirror: prints the archive this machine's apt takes Debian from, without its trailing slash.
debianMirror() {
  local uri
  command -v apt-get >/dev/null || {
    echo "this machine has no apt: the embedded package set takes its files from a Debian mirror through apt." \
      "On other systems use nixpkgs: nix build .#sdImage" >&2
    return 1
  }
  # apt's own reading of all its source files, whatever their format. Security and updates are other archives or suites.
  # shellcheck disable=SC2016 # apt fills these in
  uri=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(CREATED_BY)|$(REPO_URI)' 2>/dev/null |
    awk -F'|' '$1 == "Debian" && $2 == "Debian" && $3 == "Packages" && !found++ { print $4 }')
  [ -n "$uri" ] || {
    echo "apt on this machine knows no Debian archive: put one into /etc/apt/sources.list.d and run apt-get update" >&2
    return 1
  }
  echo "${uri%/}"
}

# debianFetch DIRECTORY: reads lines "NAME URI SHA256" and puts each file at DIRECTORY/NAME, through apt's own downloader
# (its proxies, credentials and retries), hash checked, a part-file resumed. Fails when any file could not be had.
debianFetch() {
  local name uri hash arguments=()
  while read -r name uri hash; do
    arguments+=("$uri" "$1/$name" "SHA256:$hash")
  done
  /usr/lib/apt/apt-helper -o APT::Sandbox::User=root -o Acquire::Retries=2 -o Acquire::Languages=none -qq \
    download-file "${arguments[@]}"
}

# bootstrapTree DEB DIRECTORY: busybox as the one program that runs before any root file tree exists.
bootstrapTree() {
  local unpacked applet
  unpacked=$(mktemp -d)
  dpkg-deb -x "$1" "$unpacked"
  mkdir -p "$2/bin"
  install -m 555 "$unpacked/usr/bin/busybox" "$2/bin/busybox"
  for applet in sh cat chmod find ln mkdir rm sort; do ln -s busybox "$2/bin/$applet"; done
  rm -rf "$unpacked"
}
