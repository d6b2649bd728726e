# SPDX-License-Identifier: MPL-2.0
# `nix run .#…`: the host tool's commands, and the upkeep of pins.
{
  lib,
  pkgs,
  project,
  self,
  system,
  ...
}:
let
  default = project pkgs { };
  inherit (self.packages.${system}) m6;

  # app DESCRIPTION NAME INPUTS TEXT: a script with these packages in its PATH.
  app =
    description: name: inputs: text:
    let
      script =
        pkgs.runCommand name
          {
            inherit text;
            passAsFile = [ "text" ];
          }
          ''
            mkdir -p $out/bin
            {
              echo '#!${pkgs.runtimeShell}'
              echo 'export PATH=${lib.makeBinPath inputs}:$PATH'
              cat $textPath
            } >$out/bin/${name}
            chmod +x $out/bin/${name}
          '';
    in
    {
      type = "app";
      program = "${script}/bin/${name}";
      meta = { inherit description; };
    };
  m6Command = command: description: app description command [ m6 ] ''exec m6 ${command} "$@"'';
  # What changes files of this repository runs in a clone of it.
  inClone = script: ''
    if [ ! -f nix/pins.nix ]; then
      echo "run this in a clone of the repository: it changes files there" >&2
      exit 2
    fi
    exec ${script} "$@"
  '';
in
{
  push-overlay =
    app "push the overlay to a registry: push-overlay REGISTRY/NAME [--tag TAG]" "push-overlay"
      [ default.oci-image ]
      ''
        exec oci-image push ${default.overlay} "$@"
      '';
  pin = app "add a Talos release to nix/talos/releases.json: pin vX.Y.Z [--installer-base]" "pin" [
    default.pin
    pkgs.cosign
    pkgs.nix-prefetch-docker
  ] (inClone "pin");
  update-lock = app "refresh the embedded set's lock (on Debian)" "update-lock" [ ] (
    inClone "nix/debian/update-lock"
  );
  flash = m6Command "flash" "write an image to a card or disk, safely";
  verify = m6Command "verify" "tell whether the board would start an image";
  boot =
    app "boot an image in QEMU; with --board on the model of the board" "boot"
      [
        m6
        pkgs.qemu
      ]
      ''
        for argument; do
          [ "$argument" != --board ] || exec m6 boot --qemu ${default.qemu-nanopi-m6}/bin/qemu-system-aarch64 "$@"
        done
        exec m6 boot --firmware ${default.u-boot-qemu}/u-boot.bin "$@"
      '';
}
