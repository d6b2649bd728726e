# SPDX-License-Identifier: MPL-2.0
# What overlay or image is made of, as SPDX 2.3 (JSON). Arguments: `supply-chain`, `name`, `version`, `purpose` (SPDX' word for
# its kind) and `made` (components, programs and debs, as nix/talos/components.nix has them). Outputs: NAME.spdx.json.
{
  runCommand,
  dpkg,
  sources,
  supply-chain,
  name,
  version,
  purpose,
  made,
}:
let
  lock = import ../debian/lock.nix;
  # NAME_VERSION_ARCHITECTURE.deb. Debian states licences in a text of its own form, which goes into the document as it is.
  debian =
    file:
    let
      locked = lock.files.${file};
      parts = builtins.match "([^_]+)_([^_]+)_([^_]+)[.]deb" (baseNameOf locked.path);
      package = builtins.elemAt parts 0;
    in
    {
      name = package;
      version = builtins.elemAt parts 1;
      copyright = "doc/usr/share/doc/${package}/copyright";
      inherit (locked) url;
      hash = locked.sha256;
      purl = "pkg:deb/debian/${package}@${builtins.elemAt parts 1}?arch=${builtins.elemAt parts 2}";
    };
in
runCommand "${name}-sbom"
  {
    nativeBuildInputs = [
      dpkg
      supply-chain
    ];
    description = builtins.toJSON {
      inherit name version purpose;
      # The same for the same parts.
      created = "1980-01-01T00:00:00Z";
      components = made.components ++ map debian made.debs;
      inherit (made) programs;
    };
    passAsFile = [ "description" ];
    debs = map sources.debianFile made.debs;
  }
  ''
    mkdir doc $out
    for deb in $debs; do dpkg-deb --fsys-tarfile $deb | tar -x -C doc --wildcards './usr/share/doc/*'; done
    sbom make $descriptionPath $out/${name}.spdx.json
  ''
