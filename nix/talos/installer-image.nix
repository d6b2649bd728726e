# SPDX-License-Identifier: MPL-2.0
# The installer image, for `talosctl upgrade --image` and machine.install.image: Talos' installer base with this kernel and
# initramfs and the overlay, as the Talos imager makes it. Bit-for-bit identical every time.
# Arguments: `sdImage` (whose profile it shares, the overlay in it) and `base` (Talos' installer-base for arm64, { tarballPath }
# or { ociPath }). Outputs: installer-arm64.tar (docker load, crane push).
{
  stdenvNoCC,
  oci-image,
  imager,
  imagerTools,
  sdImage,
  base,
}:
let
  profile = sdImage.profile // {
    input = sdImage.profile.input // {
      # The archive's name for the image; nothing is pulled.
      baseInstaller = {
        imageRef = "${(import ../board.nix).name}/installer:${sdImage.profile.version}";
      }
      // base;
      overlayInstaller = sdImage.profile.overlay.image;
    };
    output = {
      kind = "installer";
      outFormat = "raw";
    };
  };
in
stdenvNoCC.mkDerivation {
  name = "${sdImage.name}-installer";
  nativeBuildInputs = [
    imager
    imagerTools
    oci-image
  ]
  ++ imagerTools.runtimeInputs;
  profile = builtins.toJSON profile;
  passAsFile = [ "profile" ];
  buildCommand = ''
    imager --output . - <$profilePath
    mkdir $out
    # The imager writes the time of day into the image (Talos v1.13.9, pkg/imager/out.go).
    oci-image settle installer-arm64.tar $out/installer-arm64.tar
  '';
}
