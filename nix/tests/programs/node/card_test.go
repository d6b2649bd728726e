// SPDX-License-Identifier: MPL-2.0

//go:build life

package node_test

// slot is one for a card or an eMMC module. U-Boot's mmc0, the eMMC module's, is the first; what is put in comes into the last one
// before it.
var slot = []string{"-device", "sdhci-pci,sd-spec-version=3"}

// sd is a block node as a card or an eMMC module.
func sd(node string) []string { return []string{"-device", "sd-card,drive=" + node} }
