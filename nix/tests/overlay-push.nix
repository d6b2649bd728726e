# SPDX-License-Identifier: MPL-2.0
# The overlay pushed to a registry, pulled back by the imager and made into an image gives the bits that the local layout
# gives. The registry is in memory, on a loopback address.
{
  stdenvNoCC,
  dpkg,
  jq,
  sources,
  imager,
  imagerTools,
  oci-image,
  registry,
  overlay,
  sdImage,
}:
let
  profile = sdImage.profile // {
    overlay = sdImage.profile.overlay // {
      image = {
        imageRef = "REPOSITORY:test";
        forceInsecure = true;
      };
    };
  };
in
stdenvNoCC.mkDerivation {
  name = "overlay-push";
  nativeBuildInputs = [
    dpkg
    imager
    imagerTools
    jq
    oci-image
    registry
  ]
  ++ imagerTools.runtimeInputs;
  profile = builtins.toJSON profile;
  passAsFile = [ "profile" ];
  env.DETERMINISTIC_SEED = "1";

  buildCommand = ''
    dpkg-deb --fsys-tarfile ${sources.systemdBoot} | tar -x --wildcards --transform='s,.*/,,' --one-top-level=systemd-boot \
      './usr/lib/systemd/boot/efi/*.efi*'

    # It ends with its standard input.
    mkfifo stop
    registry address <stop &
    exec 9>stop
    until [ -e address ]; do sleep 0.1; done
    repository=$(cat address)/nanopi-m6/overlay

    oci-image push ${overlay} $repository --tag test
    sed "s,REPOSITORY,$repository," $profilePath >profile.json
    imager --output . - <profile.json

    expected=$(jq --raw-output .image.rawSha256 ${sdImage}/manifest.json)
    echo "$expected  metal-arm64.raw" | sha256sum --check
    touch $out
  '';
}
