# SPDX-License-Identifier: MPL-2.0
# Hash of `go mod vendor` of each Go module here; `nix/update-vendor-hashes` writes it anew after go.mod changed.
{
  root = "sha256-qMWWHQHB2QrCjetNETaWbXSgtc8kyxGQL7juETJqPgk=";
  imager = "sha256-2M8gu3D6kKePAirRGp46Uo5UePMgb845isOTEMtvygI=";
  installer = "sha256-/DUd2QRRQa2Z0lWrzDvkNly6/9iZy5RXNHBTzLOpmcU=";
  talos = "sha256-EIR+cthhgWEXby91QQ4m7DYy1Uy1iyTNZUoAYfejgZQ=";
  cni = "sha256-IW5N7qpfb4hZrs+3j1zOqGrs3xCLaJTH2TG97SzLUJ8=";
  containerd = "sha256-PFHSMmpxUFNdZ3DBcaMPKLOmvP917kt9EPv3c5IKdrw=";
  executor-1-10 = "sha256-bfWn0DRDjxvW3kl2eHVtv2SmTzjevU7dQ9aTg7DoYVE=";
  executor-1-13 = "sha256-qH7btpi2uG+FUcykLjuLeHPcw56ppzd20hSiduex2jU=";
  node = "sha256-PzaMmj1NV/GKWFbgXtkGzPGimqbJX9KDzmnIpP4YmDE=";
  supply-chain = "sha256-5BXjnHHQVrIgAhXgzZc+t6dKE0FcWgparcb+tGRaD6w=";
  golangci-lint = "sha256-yO44uGOoHAlfHaEx4ZfRtP9BR91v1k2a6XIcWJwUpk8=";
  kubernetes = "sha256-AzC71MQpnllRnTvzC58rfbRBYRQ0Tnv1Iz/HdzBxQuY=";
  etcd = "sha256-CFQuDUnKkaEOscd69VLBk2qwghmDWHWlkbCgVDk91eg=";
  coredns = "sha256-925NICT66rEOj1nBaZkaMGiOFGtw240y8xZ0lgbXzh8=";
  flannel = "sha256-NRjo4TjgzbA2s/GUjpkkFltC4BMwLn2fLWuVYzB0vKA=";
}
