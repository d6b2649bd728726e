# SPDX-License-Identifier: MPL-2.0
# `nix fmt`
{ pkgs, ... }:
pkgs.nixfmt
