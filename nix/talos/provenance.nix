# SPDX-License-Identifier: MPL-2.0
# How image and overlay were made: an in-toto statement with a SLSA v1 provenance predicate. Its subjects are the files with
# their digests; what went in, with hashes, is nix/talos/components.nix' and what pins the compilers; the derivation says the rest.
# Arguments: `sdImage`, `overlay`, `sbom`, `overlay-sbom`, `made` (components of the image), `again` (the image built a second time, or
# null), `parameters` (what whoever built it chose) and `published` ({ source, revision, builder } or less).
# Outputs: BOARD.intoto.json. It says `reproducible` as it was found: true, false, or "not compared".
{
  lib,
  runCommand,
  jq,
  sdImage,
  overlay,
  sbom,
  overlay-sbom,
  made,
  again,
  parameters,
  published,
}:
let
  inherit (builtins) hashFile unsafeDiscardStringContext;
  board = import ../board.nix;
  lock = import ../debian/lock.nix;
  repository = published.source or "urn:talos-${board.name}";
  digest =
    component:
    if component.tree or false then
      { nixNarSha256 = component.hash; }
    else
      { sha256 = component.hash; };
  component = c: {
    inherit (c) name;
    uri = c.url;
    digest = digest c;
  };
  file =
    name: path:
    {
      inherit name;
      uri = "${repository}#${name}";
      digest.sha256 = hashFile "sha256" path;
    };
  predicate = {
    buildDefinition = {
      buildType = "${repository}#nix-build-v1";
      externalParameters = parameters;
      internalParameters = {
        # By their names in the store: with the whole paths the build would depend on what it is a statement about.
        derivation = baseNameOf (unsafeDiscardStringContext sdImage.drvPath);
        output = baseNameOf (unsafeDiscardStringContext "${sdImage}");
      };
      resolvedDependencies =
        map component (lib.filter (c: c ? url && c ? hash) made.components)
        ++ map (name: {
          name = baseNameOf lock.files.${name}.path;
          uri = lock.files.${name}.url;
          digest.sha256 = lock.files.${name}.sha256;
        }) made.debs
        ++ [
          (file "flake.lock" ../../flake.lock)
          (file "nix/debian/lock" ../debian/lock)
          (file "go.sum" ../../go.sum)
          (file "nix/talos/imager/go.sum" ./imager/go.sum)
          (file "nix/talos/talos/go.sum" ./talos/go.sum)
          (file "nix/talos/containerd/go.sum" ./containerd/go.sum)
          (file "nix/talos/cni/go.sum" ./cni/go.sum)
        ]
        ++ lib.optional (published ? revision) {
          name = "recipe";
          uri = "git+${repository}@${published.revision}";
          digest.gitCommit = published.revision;
        };
    };
    runDetails.builder.id = published.builder or "${repository}#unpublished";
  };
in
runCommand "${board.name}-provenance"
  {
    nativeBuildInputs = [ jq ];
    predicate = builtins.toJSON predicate;
    passAsFile = [ "predicate" ];
  }
  ''
    subject() { # FILE: name and digest, as a JSON object
      jq --null-input --arg name "$(basename $1)" --arg sha256 "$(sha256sum <$1 | cut -d' ' -f1)" '{ $name, digest: { $sha256 } }'
    }
    {
      for file in ${sdImage}/metal-arm64.raw.* ${sdImage}/manifest.json ${sbom}/*.json ${overlay-sbom}/*.json; do
        case $file in *.sha256) ;; *) subject $file ;; esac
      done
      # A registry knows the overlay by its index' digest.
      subject ${overlay}/index.json | jq '.name = "overlay"'
    } >subjects
    # in-toto's digests are hexadecimal, pins' are not.
    for hash in $(jq --raw-output '.. | strings | select(startswith("sha256-"))' $predicatePath | sort -u); do
      echo "$hash $(echo ''${hash#sha256-} | base64 -d | od -An -v -tx1 | tr -d ' \n')"
    done | jq --raw-input --null-input '[inputs | split(" ") | { (.[0]): .[1] }] | add // { }' >hexadecimal
    reproducible=${
      if again == null then
        "'\"not compared\"'"
      else
        "$(if diff --recursive --brief --no-dereference ${sdImage} ${again} >&2; then echo true; else echo false; fi)"
    }
    mkdir $out
    jq --slurp --argjson reproducible "$reproducible" --slurpfile hexadecimal hexadecimal --slurpfile predicate $predicatePath --sort-keys '{
      _type: "https://in-toto.io/Statement/v1",
      subject: .,
      predicateType: "https://slsa.dev/provenance/v1",
      predicate: ($predicate[0] | .buildDefinition.internalParameters.reproducible = $reproducible | walk(if type == "string" then $hexadecimal[0][.] // . else . end))
    }' subjects >$out/${board.name}.intoto.json
  ''
