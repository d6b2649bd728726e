# SPDX-License-Identifier: MPL-2.0
# The overlay: an OCI image layout, an index of linux/amd64 (the imager's own architecture pulls it) and linux/arm64 (the
# node does), which share all files but the installer. The layout is the siderolabs overlays':
#   installers/nanopi-m6, profiles/*.yaml, artifacts/arm64/u-boot/nanopi-m6/…, artifacts/arm64/dtb/rockchip/…
# Arguments: `installer` ({ amd64, arm64 }), `u-boot`, `dtb`, `annotations` (text by OCI key).
{
  lib,
  runCommand,
  oci-image,
  installer,
  u-boot,
  dtb,
  annotations,
}:
let
  board = import ../board.nix;
in
runCommand "overlay-${board.name}${lib.optionalString u-boot.ddrBlob.standIn "-no-ddr-blob"}"
  {
    nativeBuildInputs = [ oci-image ];
    profiles = ../../profiles;
  }
  ''
    layout() { # INSTALLER DIRECTORY
      mkdir -p $2/installers $2/profiles $2/artifacts/arm64/u-boot/${board.name} $2/artifacts/arm64/dtb
      cp $1/bin/installer $2/installers/${board.name}
      for file in $profiles/*.yaml; do
        name=$(basename $file)
        sed 's/^  name: BOARD$/  name: ${board.name}/' $file >$2/profiles/${board.name}''${name#board}
      done
      cp ${u-boot}/${board.loader.mmc.file} ${u-boot}/${board.loader.spi.file} $2/artifacts/arm64/u-boot/${board.name}/
      cp -r ${dtb}/rockchip $2/artifacts/arm64/dtb/
    }
    layout ${installer.amd64} amd64
    layout ${installer.arm64} arm64
    oci-image build --platform linux/amd64=amd64 --platform linux/arm64=arm64 \
      ${
        lib.concatStringsSep " " (
          lib.mapAttrsToList (key: value: "--annotation ${lib.escapeShellArg "${key}=${value}"}") annotations
        )
      } $out
  ''
