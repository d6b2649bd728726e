# SPDX-License-Identifier: MPL-2.0
# What is in the image, as SPDX 2.3 (JSON). Takes `manifest` (nix/talos/manifest.nix). Gives nanopi-m6.spdx.json.
{
  lib,
  runCommand,
  manifest,
}:
let
  identifier = name: builtins.replaceStrings [ "+" "_" "~" ":" "/" ] [ "-" "-" "-" "-" "-" ] name;
  # component NAME VERSION LICENSE SHA256: a package; null is what is not known.
  component = name: version: license: sha256: {
    inherit name;
    SPDXID = "SPDXRef-${identifier name}";
    versionInfo = version;
    downloadLocation = "NOASSERTION";
    filesAnalyzed = false;
    licenseConcluded = "NOASSERTION";
    licenseDeclared = if license == null then "NOASSERTION" else license;
  }
  // lib.optionalAttrs (sha256 != null) {
    checksums = [
      {
        algorithm = "SHA256";
        checksumValue = sha256;
      }
    ];
  };
  # NAME_VERSION_ARCHITECTURE.deb
  debian =
    file:
    let
      parts = lib.splitString "_" file.file;
    in
    component (builtins.head parts) (builtins.elemAt parts 1) null file.sha256;
  components = [
    (component "talos" manifest.talos.version "MPL-2.0" (manifest.talos.initramfs or null))
    (component "linux" manifest.kernel.version "GPL-2.0-only WITH Linux-syscall-note" (
      manifest.kernel.source.sha256 or null
    ))
    (component "u-boot" manifest.u-boot.version "GPL-2.0-or-later" null)
    (component "trusted-firmware-a" manifest.tfa.version "BSD-3-Clause" manifest.tfa.source.sha256)
  ]
  ++ lib.optional (manifest.ddrBlob != null) (
    component "rockchip-ddr-blob" (manifest.ddrBlob.rev or "user's own") null (manifest.ddrBlob.sha256 or null)
  )
  ++ map debian manifest.grub
  ++ [ (debian manifest.systemdBoot) ]
  # An official payload has its own SBOM in its root.
  ++ lib.optionals (!(manifest.talos ? initramfs)) (
    [
      (component "containerd" manifest.containerd.version "Apache-2.0" null)
      (component "cni-plugins" manifest.cniPlugins.version "Apache-2.0" null)
    ]
    ++ map debian manifest.nodePackages
  );
  document = {
    spdxVersion = "SPDX-2.3";
    dataLicense = "CC0-1.0";
    SPDXID = "SPDXRef-DOCUMENT";
    name = "talos-nanopi-m6";
    documentNamespace = "https://spdx.org/spdxdocs/talos-nanopi-m6-${builtins.hashString "sha256" (builtins.toJSON manifest)}";
    creationInfo = {
      created = "1980-01-01T00:00:00Z";
      creators = [ "Tool: talos-nanopi-m6" ];
    };
    packages = components;
    relationships = map (package: {
      spdxElementId = "SPDXRef-DOCUMENT";
      relationshipType = "DESCRIBES";
      relatedSpdxElement = package.SPDXID;
    }) components;
  };
in
runCommand "sbom"
  {
    document = builtins.toJSON document;
    passAsFile = [ "document" ];
  }
  ''
    mkdir $out
    cp $documentPath $out/nanopi-m6.spdx.json
  ''
