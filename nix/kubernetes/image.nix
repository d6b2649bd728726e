# SPDX-License-Identifier: MPL-2.0
# One container image for linux/arm64, an OCI image layout.
# Arguments: `name`, `files` (paths in the image to files), `links` (paths in the image to what they lead to), `mounted`
# (directories that a container has by its mounts, not from the image: links may lead there), `packages` (Debian's, the whole
# closure: their libraries, of which `programs` names the programs) and `entrypoint` (what a container runs when its user names
# nothing).
{
  lib,
  runCommand,
  dpkg,
  node-root,
  oci-image,
  sources,
  name,
  files,
  links ? { },
  mounted ? [ ],
  packages ? [ ],
  programs ? [ ],
  entrypoint ? null,
}:
runCommand "image-${name}"
  {
    nativeBuildInputs = [
      dpkg
      node-root
      oci-image
    ];
    debs = map (package: sources.debianFile "${package}:arm64") packages;
  }
  ''
    mkdir -p root unpacked
    for directory in ${toString mounted}; do mkdir -p root/$directory; done
    for deb in $debs; do dpkg-deb --extract $deb unpacked; done
    if [ -d unpacked/usr/lib ]; then
      mkdir -p root/usr
      cp -r unpacked/usr/lib root/usr/lib
      rm -rf root/usr/lib/aarch64-linux-gnu/{audit,gconv}
      ln -s usr/lib root/lib
    fi
    for program in ${toString programs}; do
      mkdir -p root/$(dirname $program)
      cp -P unpacked/$program root/$program
    done
    ${lib.concatLines (
      lib.mapAttrsToList (to: from: ''
        mkdir -p root/$(dirname ${to})
        cp ${from} root/${to}
      '') files
    )}
    ${lib.concatLines (
      lib.mapAttrsToList (from: to: ''
        mkdir -p root/$(dirname ${from})
        ln -s ${to} root/${from}
      '') links
    )}
    node-root closed root
    oci-image build --platform linux/arm64=root ${
      lib.optionalString (entrypoint != null) "--entrypoint ${entrypoint}"
    } $out
  ''
