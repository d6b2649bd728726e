# SPDX-License-Identifier: MPL-2.0
# What docs/releases.md says of an image of one's own, with the real cosign and a key pair made here: cosign and `m6 verify` take
# the manifest that was signed, and neither takes one with a changed byte, another key's signature, or none.
{
  runCommand,
  cosign,
  m6,
  sdImage,
}:
runCommand "signature"
  {
    nativeBuildInputs = [
      cosign
      m6
    ];
    env.COSIGN_PASSWORD = "";
  }
  ''
    export HOME=$PWD/home
    # No log and no certificates of Sigstore's, which are on the Internet.
    cosign signing-config create --out signing.json
    cosign trusted-root create --out root.json
    for name in own other; do cosign generate-key-pair --output-key-prefix $name; done
    sign() { # KEY DIRECTORY
      cosign sign-blob --yes --key $1.key --signing-config signing.json --bundle $2/manifest.json.sigstore.json $2/manifest.json
    }
    byCosign() { # DIRECTORY
      cosign verify-blob --key own.pub --insecure-ignore-tlog --trusted-root root.json \
        --bundle $1/manifest.json.sigstore.json $1/manifest.json
    }
    # The image may be one without a DDR blob, and that is not the question.
    byM6() { m6 verify --allow-stand-in --key own.pub $1/${sdImage.fileName}; }

    image() { # DIRECTORY: the image there, with its manifest
      mkdir $1
      cp ${sdImage}/manifest.json $1/
      ln -s ${sdImage}/${sdImage.fileName} ${sdImage}/${sdImage.fileName}.sha256 $1/
      chmod u+w $1/manifest.json
    }
    image signed
    sign own signed
    byCosign signed
    byM6 signed

    image changed
    cp signed/*.sigstore.json changed/
    echo >>changed/manifest.json
    image foreign
    sign other foreign
    image unsigned
    for wrong in changed foreign unsigned; do
      for by in byCosign byM6; do
        if $by $wrong >said 2>&1; then
          echo "$by takes the image that is $wrong" >&2
          exit 1
        fi
        echo "$by, $wrong: $(tail -n 1 said)"
      done
      # Of the signature it says so, and nothing else is wrong.
      [ "$(grep -c '^fail' said)" = 1 ]
      grep '^fail  manifest.signature' said
    done
    touch $out
  ''
