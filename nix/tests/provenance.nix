# SPDX-License-Identifier: MPL-2.0
# The statement of how the image was made is valid in-toto and SLSA, names every input with a hash, and is about these very
# files: with a byte changed it is refused.
{
  runCommand,
  provenance,
  supply-chain,
  sdImage,
  sbom,
  overlay-sbom,
}:
runCommand "provenance-check" { nativeBuildInputs = [ supply-chain ]; } ''
  statement=${provenance}/${(import ../board.nix).name}.intoto.json
  provenance-check $statement ${sdImage} ${sbom} ${overlay-sbom}
  mkdir changed
  cp ${sdImage}/manifest.json changed/
  chmod u+w changed/manifest.json
  echo >>changed/manifest.json
  if provenance-check $statement changed 2>refusal; then exit 1; fi
  grep 'manifest.json has sha256' refusal
  touch $out
''
