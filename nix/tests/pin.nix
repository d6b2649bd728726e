# SPDX-License-Identifier: MPL-2.0
# `pin` writes what a release's sha256sum.txt says and nothing when that does not verify; the same of an installer base.
# Signatures are cosign's matter and images nix-prefetch-docker's: stand-ins answer for them here.
{
  runCommand,
  jq,
  nix,
  # The embedded set has it with Nix.
  curl ? nix,
}:
runCommand "pin"
  {
    nativeBuildInputs = [
      curl
      jq
      nix
    ];
    pin = ../talos/pin;
    releases = ../talos/releases.nix;
  }
  ''
    mkdir -p clone/nix/talos bin served/v1.14.1 served/v1.14.2 served/v1.14.3
    cp $pin clone/nix/talos/pin
    cp $releases clone/nix/talos/releases.nix
    chmod u+w clone/nix/talos/releases.nix
    printf '#!%s\nexit $(cat %s/cosign-says)\n' "$(command -v bash)" "$PWD" >bin/cosign
    printf '#!%s\necho "$*" >>%s/asked\ncat %s/prefetched\n' "$(command -v bash)" "$PWD" "$PWD" >bin/nix-prefetch-docker
    chmod +x bin/*
    export PATH=$PWD/bin:$PATH RELEASES=file://$PWD/served
    pin() { bash clone/nix/talos/pin "$@"; }
    hash() { echo "$1" | sha256sum | cut -d' ' -f1; }
    for asset in initramfs-arm64.xz talosctl-linux-amd64 talosctl-linux-arm64 initramfs-amd64.xz; do
      echo "$(hash $asset)  _out/$asset" >>served/v1.14.1/sha256sum.txt
    done
    cp served/v1.14.1/sha256sum.txt served/v1.14.2/
    touch served/v1.14.2/sha256sum.txt.bundle
    echo "$(hash x)  initramfs-arm64.xz" >served/v1.14.3/sha256sum.txt
    before=$(sha256sum <clone/nix/talos/releases.nix)
    unchanged() { [ "$(sha256sum <clone/nix/talos/releases.nix)" = "$before" ]; }
    status() { local status=0; "$@" || status=$?; echo "status $status"; }

    status pin 2>&1 | grep 'status 2'
    status pin 1.14.1 2>&1 | grep 'status 2'
    status pin v1.14.1 --installer 2>&1 | grep 'status 2'
    pin v1.14.0 | grep 'has v1.14.0'
    status pin v9.9.9 2>&1 | grep 'is v9.9.9 a release?'
    status pin v1.14.3 2>&1 | grep 'has no single sha256 of talosctl-linux-amd64'
    echo 1 >cosign-says
    status pin v1.14.2 2>&1 | grep 'does not verify'
    unchanged

    pin v1.14.1 | grep 'no Sigstore bundle'
    echo 0 >cosign-says
    pin v1.14.2 | grep 'bundle verified'
    export NIX_STORE_DIR=$PWD/store NIX_STATE_DIR=$PWD/state NIX_LOG_DIR=$PWD/log NIX_CONF_DIR=$PWD/conf
    table() { nix-instantiate --eval --strict --json -E "import $PWD/clone/nix/talos/releases.nix" -A "$1" | tr -d '"'; }
    for version in v1.14.1 v1.14.2; do
      [ "$(table "\"$version\".\"initramfs-arm64.xz\"")" = "$(hash initramfs-arm64.xz)" ]
      [ "$(table "\"$version\".\"talosctl-linux-arm64\"")" = "$(hash talosctl-linux-arm64)" ]
    done
    [ "$(table '"v1.14.0"."initramfs-arm64.xz"')" = e47bc13e2dda3af341019ae2bdb75f13f6812b07d1fa91ac94c4d7d4ef8060b7 ]

    digest=sha256:$(hash base)
    sri=sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
    before=$(sha256sum <clone/nix/talos/releases.nix)
    echo '{ "imageDigest": "latest" }' >prefetched
    status pin v1.14.1 --installer-base 2>&1 | grep "gave digest 'latest'"
    echo "{ \"imageDigest\": \"$digest\", \"hash\": \"$sri\" }" >prefetched
    echo 1 >cosign-says
    status pin v1.14.1 --installer-base 2>&1 | grep 'does not verify'
    unchanged
    echo 0 >cosign-says
    pin v1.14.1 --installer-base | grep "$digest, signature verified"
    grep -- '--image-name ghcr.io/siderolabs/installer-base --image-tag v1.14.1 --os linux --arch arm64' asked
    [ "$(table '"v1.14.1".installerBase.imageDigest')" = "$digest" ]
    [ "$(table '"v1.14.1".installerBase.sha256')" = "$sri" ]
    pin v1.14.1 --installer-base | grep 'has the installer base of v1.14.1'
    # Older nixpkgs: base 32. The release and its base in one go.
    sed -i /v1.14.2/,/^..}/d clone/nix/talos/releases.nix
    echo "{ \"imageDigest\": \"$digest\", \"sha256\": \"0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73\" }" >prefetched
    pin v1.14.2 --installer-base
    [ "$(table '"v1.14.2".installerBase.sha256')" = 0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73 ]
    [ "$(table '"v1.14.2"."talosctl-linux-arm64"')" = "$(hash talosctl-linux-arm64)" ]
    touch $out
  ''
