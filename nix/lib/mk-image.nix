# SPDX-License-Identifier: MPL-2.0
# lib.mkImage: checks its options (image-options.nix) and hands them to default.nix.
{
  lib,
  options,
  pkgsFor,
  project,
}:
given:
let
  inherit (builtins) attrNames;
  talos = import ../talos/versions.nix;
  releases = import ../talos/releases.nix;
  unknown = lib.filter (name: !(options ? ${name})) (attrNames given);
  wrong = lib.concatMap (
    name:
    let
      right = options.${name}.check given.${name};
    in
    lib.optional (right != null) "${name}: want ${right}"
  ) (lib.filter (name: options ? ${name}) (attrNames given));
  # What each option allows for itself and not together.
  together =
    lib.optional (o.machineConfig != null && !embeds)
      "machineConfig: Talos ${
        if official then o.talosVersion else "from source (${talos.fromSource})"
      } embeds none; want talosVersion v1.12 or later, or apply it with talosctl apply-config --insecure"
    ++ lib.optional (o.kernel == "stock" && !official)
      "kernel: Talos from source (${talos.fromSource}) has no stock kernel; want a pinned release as talosVersion, or another kernel"
    ++ lib.optional (o.kernel == "stock" && official && !(releases.${o.talosVersion} ? vmlinuz-arm64))
      "kernel: the stock kernel of ${o.talosVersion} is not pinned; in a clone, nix run .#pin -- ${o.talosVersion}"
    ++ lib.optional (o.kernel == "stock" && o.moduleSigning != { })
      "moduleSigning: Talos signs the stock kernel's modules itself; want { } or another kernel";
  faults =
    map (name: "${name}: no such option; there are ${lib.concatStringsSep ", " (attrNames options)}") unknown
    ++ wrong
    ++ lib.optionals (wrong == [ ]) together;

  o = lib.mapAttrs (name: option: given.${name} or option.default) options;
  official = o.talosVersion != null;
  minor = lib.concatStringsSep "." (lib.take 2 (lib.splitString "." (lib.removePrefix "v" o.talosVersion)));
  embeds = official && builtins.compareVersions minor "1.12" >= 0;

  packages = project (pkgsFor o.system) {
    inherit (o)
      ddrBlob
      kernelConfig
      moduleSigning
      talosVersion
      uBoot
      ;
    kernelFlavour = o.kernel;
    imageFormat = o.diskFormat;
    image = {
      inherit (o)
        extraKernelArgs
        overlayOptions
        systemExtensions
        meta
        diskSize
        ;
      profileName = o.profile;
      machineConfig = if o.machineConfig == null then null else builtins.readFile o.machineConfig;
    };
  };
in
if faults != [ ] then
  throw "mkImage:\n  ${lib.concatStringsSep "\n  " faults}"
else
  packages.sdImage
