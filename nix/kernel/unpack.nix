# SPDX-License-Identifier: MPL-2.0
# unpackPhase of a kernel source, whichever form it comes in: Debian's linux-source package, a tarball or a tree.
# Arguments: `only`, paths below it, or all of it.
{
  only ? [ ],
}:
let
  members = if only == [ ] then "" else " --wildcards " + builtins.concatStringsSep " " (map (path: "'*/${path}'") only);
in
''
  runHook preUnpack
  mkdir linux
  case $src in
  *.deb) dpkg-deb --fsys-tarfile $src | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' | tar -xJ --strip-components=1 -C linux${members} ;;
  *.tar.*) tar -xf $src --strip-components=1 -C linux${members} ;;
  *) cp -r --no-preserve=ownership $src/. linux ;;
  esac
  chmod -R u+w linux
  cd linux
  runHook postUnpack
''
