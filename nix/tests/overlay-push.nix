# SPDX-License-Identifier: MPL-2.0
# The overlay pushed to a registry and pulled back by the imager is the local layout, for both architectures, by tag and by
# digest; and an image made from it has the bits of the one made from the layout. The registry is in memory, on a loopback address.
{
  lib,
  stdenvNoCC,
  buildGoModule,
  go-lint,
  jq,
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
  # A test within the imager's module: its go.mod, and the same modules fetched.
  pull = buildGoModule {
    pname = "talos-imager";
    inherit (imager) version;
    src = lib.fileset.toSource {
      root = ../.;
      fileset = lib.fileset.unions [
        ../talos/imager
        ./programs/overlay-pull
      ];
    };
    modRoot = "tests/programs/overlay-pull";
    vendorHash = (import ../vendor-hashes.nix).imager;
    nativeBuildInputs = [ go-lint ];
    env.CGO_ENABLED = 0;
    buildPhase = ''
      go-lint .
      go test -c -o pull .
    '';
    doCheck = false;
    installPhase = "install -D pull $out/bin/pull";
    meta.mainProgram = "pull";
  };
in
stdenvNoCC.mkDerivation {
  name = "overlay-push";
  nativeBuildInputs = [
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
    # It ends with its standard input.
    mkfifo stop
    registry address <stop &
    exec 9>stop
    until [ -e address ]; do sleep 0.1; done
    repository=$(cat address)/${(import ../board.nix).name}/overlay

    OVERLAY_DIGEST=$(oci-image push ${overlay} $repository --tag test)
    export OVERLAY_DIGEST OVERLAY_TAG=$repository:test OVERLAY_LAYOUT=${overlay} OVERLAY_BOARD=${../../internal/board/board.json}
    ${lib.getExe pull} -test.v

    sed "s,REPOSITORY,$repository," $profilePath >profile.json
    imager --output . - <profile.json

    expected=$(jq --raw-output .image.rawSha256 ${sdImage}/manifest.json)
    echo "$expected  metal-arm64.raw" | sha256sum --check
    touch $out
  '';
}
