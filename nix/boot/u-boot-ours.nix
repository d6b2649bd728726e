# SPDX-License-Identifier: MPL-2.0
# What every U-Boot here is built with: our patches, in the order of their numbers, and our configurations.
# Arguments: `version`, the release that is patched; `configs`, names of files in ./u-boot: what another U-Boot reads does not
# rebuild this one.
{
  lib,
  version,
  configs,
}:
let
  series = ../../patches/u-boot;
  # Where this release's source needs a patch in another form, under the same name.
  forms = series + "/${version}";
  form =
    name:
    let
      own = forms + "/${name}";
    in
    if builtins.pathExists own then own else series + "/${name}";
  # A release goes without what it has already, which a patch's header names: Upstream-Status: Backport [vYYYY.MM…].
  since = line: builtins.head (builtins.match "Upstream-Status: Backport \\[v([0-9.]+).*" line);
  isUpstream =
    name:
    builtins.any (
      line:
      lib.hasPrefix "Upstream-Status: Backport" line
      && builtins.compareVersions version (since line) >= 0
    ) (lib.splitString "\n" (builtins.readFile (series + "/${name}")));
  chosen = lib.fileset.toSource {
    root = ./u-boot;
    fileset = lib.fileset.unions (map (name: ./u-boot + "/${name}") configs);
  };
in
{
  patches = map form (
    lib.filter (name: lib.hasSuffix ".patch" name && !isUpstream name) (
      builtins.attrNames (builtins.readDir series)
    )
  );
  # For overrideAttrs: as arguments of buildUBoot they would not count in every form of nixpkgs' builder.
  postPatch = ''
    patchShebangs tools scripts
    cp ${chosen}/* configs/
    export SOURCE_DATE_EPOCH=${import ../source-date-epoch.nix}
  '';
  # Kconfig drops without a word what a release does not know, or has made depend on something else.
  postConfigure = ''
    for config in ${toString configs}; do cat configs/$config; done |
      grep -E '^(# )?CONFIG_[A-Z0-9_]+(=| is not set$)' | while IFS= read -r line; do
      name=''${line#"# "}
      case $line in
        "# "*) ! grep -q "^''${name% is not set}=" .config ;;
        *) grep -qxF -e "$line" .config ;;
      esac || {
        echo "U-Boot ${version}: its configuration has not '$line' (nix/boot/u-boot)" >&2
        exit 1
      }
    done
  '';
}
