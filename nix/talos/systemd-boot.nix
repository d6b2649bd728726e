# SPDX-License-Identifier: MPL-2.0
# systemd-boot and its EFI stub for arm64, from Debian's package: the imager always builds a unified kernel image, of which
# these are parts. Outputs: the files as they are named there.
{
  runCommand,
  dpkg,
  sources,
}:
runCommand "systemd-boot-arm64" { nativeBuildInputs = [ dpkg ]; } ''
  dpkg-deb -x ${sources.systemdBoot} unpacked
  mkdir $out
  cp unpacked/usr/lib/systemd/boot/efi/*.efi* $out/
''
