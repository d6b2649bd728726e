# SPDX-License-Identifier: MPL-2.0
# default.nix for callers that have strings only (nix-build --argstr): what nix/debian/build was given in the environment.
# A path may hold any character: here it never becomes a Nix expression, and the store's copy has a name of its own.
{
  # Paths and hash, or empty.
  ddrBlob ? "",
  ddrBlobSha256 ? "",
  moduleKey ? "",
  moduleCertificate ? "",
  kernelConfig ? "",
  imageFormat ? "zst",
}:
let
  file =
    name: path:
    builtins.path {
      inherit name;
      path = /. + path;
    };
in
import ../.. {
  inherit imageFormat;
  ddrBlob =
    if ddrBlob == "" then
      { }
    else
      {
        blob = file "ddr-blob.bin" ddrBlob;
        blobSha256 = ddrBlobSha256;
      };
  kernelConfig = if kernelConfig == "" then null else file "kernel.config" kernelConfig;
  moduleSigning =
    if moduleKey == "" then
      { }
    else
      {
        moduleKey = file "module-key.pem" moduleKey;
        moduleCertificate = file "module-certificate.pem" moduleCertificate;
      };
}
