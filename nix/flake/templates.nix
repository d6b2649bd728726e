# SPDX-License-Identifier: MPL-2.0
rec {
  default = node;
  node = {
    path = ../../templates/node;
    description = "one cluster of NanoPi M6 nodes: images from data";
  };
}
