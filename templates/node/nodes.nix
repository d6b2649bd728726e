# SPDX-License-Identifier: MPL-2.0
# Every option of mkImage is in the project's docs/nix.md.
{
  # What all nodes have in common.
  defaults = {
    overlayOptions.bootDevice = "auto";
    extraKernelArgs = [
      # To join Omni: the arguments that its "Copy kernel parameters" gives, siderolink.api=…, talos.events.sink=… and
      # talos.logging.kernel=….
    ];
  };
  # What each has of its own.
  nodes = {
    node-1 = { };
    # Talos on NVMe, the boot loader on a microSD card.
    node-2.profile = "nanopi-m6-nvme";
  };
}
