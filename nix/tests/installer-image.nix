# SPDX-License-Identifier: MPL-2.0
# The installer image holds base, kernel, initramfs and overlay where Talos' installer looks for them, and no time of day.
# A stand-in is its base: Talos' own has to be pulled.
{
  runCommand,
  jq,
  oci-image,
  makeImage,
}:
let
  board = import ../board.nix;
  base = runCommand "installer-base" { nativeBuildInputs = [ oci-image ]; } ''
    mkdir -p root/usr/bin
    echo stand-in >root/usr/bin/installer
    oci-image build --platform linux/arm64=root $out
  '';
  image = makeImage { ociPath = "${base}"; };
in
runCommand "installer-image" { nativeBuildInputs = [ jq ]; } ''
  mkdir image
  tar -xf ${image}/installer-arm64.tar -C image
  cd image
  config=$(jq -r '.[0].Config' manifest.json)
  [ "$(jq -r .architecture $config)" = arm64 ]
  [ "$(jq -r '[.created] + [.history[].created] | unique | .[]' $config)" = 1980-01-01T00:00:00Z ]
  [ "sha256:$(sha256sum <$config | cut -d' ' -f1)" = $config ]
  for layer in $(jq -r '.[0].Layers[]' manifest.json); do tar -tzf $layer; done | sed 's,^/,,' | sort >files
  cat files
  for file in usr/bin/installer usr/install/arm64/vmlinuz.efi usr/install/arm64/systemd-boot.efi \
    overlay/installers/default overlay/artifacts/arm64/u-boot/${board.name}/${board.loader.mmc.file} \
    overlay/artifacts/arm64/dtb/rockchip/${board.deviceTree}.dtb; do
    grep -x "\(\./\)\?$file" files
  done
  touch $out
''
