# SPDX-License-Identifier: MPL-2.0
# Another project's Go programs, static, from a module here that does nothing but require it: go.mod and go.sum are the pin.
# Arguments: `pname`, `version`, `module` (that module's directory, whose name nix/vendor-hashes.nix has), `project` (the
# project's module path), `packages` (below that path), `ldflags` beyond those that leave out symbols, `projectPatches` (over
# the project's module), and what else buildGoModule takes (`tags`, `postInstall`, `meta`).
{ buildGoModule }:
{
  module,
  project,
  packages,
  ldflags ? [ ],
  projectPatches ? [ ],
  ...
}@arguments:
buildGoModule (
  removeAttrs arguments [
    "module"
    "project"
    "packages"
    "projectPatches"
  ]
  // {
    src = module;
    vendorHash = (import ./vendor-hashes.nix).${baseNameOf module};
    # Go takes ./vendor/X for the package X.
    subPackages = map (package: "vendor/${project}/${package}") packages;
    env.CGO_ENABLED = 0;
    ldflags = [
      "-s"
      "-w"
    ]
    ++ ldflags;
    preBuild = ''
      for patch in ${toString (map (patch: "${patch}") projectPatches)}; do
        chmod -R u+w vendor/${project}
        patch -p1 -d vendor/${project} <$patch
      done
    '';
    # buildGoModule runs a recipe's preBuild where it fetches the modules as well: there is nothing to patch yet.
    overrideModAttrs = _: { preBuild = ""; };
    # Its tests are its own project's.
    doCheck = false;
  }
)
