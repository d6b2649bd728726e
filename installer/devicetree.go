// SPDX-License-Identifier: MPL-2.0

package main

import (
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/u-root/u-root/pkg/dt"

	"talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/esp"
	"talos-nanopi-m6/internal/fdt"
)

// dtbFolder is where U-Boot looks on the EFI partition (its variable fdtfile is rockchip/…, below /dtb).
const dtbFolder = board.DeviceTreeFolder

// deviceTrees makes the trees for the EFI partition from the artifacts, by the names that U-Boot asks for: V1's and V2's,
// or the one asked for under both.
func (o *options) deviceTrees(artifacts string) (map[string][]byte, error) {
	trees := map[string][]byte{}

	for _, name := range board.DeviceTrees {
		base := o.dtb
		if base == boardDTB {
			base = name
		}

		tree, err := o.deviceTree(artifacts, base)
		if err != nil {
			return nil, err
		}

		trees[name] = tree
	}

	return trees, nil
}

// deviceTree makes a tree with the overlays and the MAC address asked for.
func (o *options) deviceTree(artifacts, name string) ([]byte, error) {
	base := filepath.Join(artifacts, name)

	blob, err := readTree(base)
	if err != nil {
		return nil, err
	}

	tree, err := fdt.Read(blob)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", base, err)
	}

	if compatible := fdt.Strings(tree.RootNode, "compatible"); !slices.Contains(compatible, "rockchip,rk3588s") && !slices.Contains(compatible, "rockchip,rk3588") {
		return nil, fmt.Errorf("%s: is for %q, not for a board with the RK3588S", base, compatible)
	}

	for _, name := range o.dtbOverlays {
		file := filepath.Join(artifacts, name)

		blob, err := readTree(file)
		if err != nil {
			return nil, err
		}

		overlay, err := fdt.Read(blob)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}

		if err := fdt.Apply(tree, overlay); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}

	if o.ethaddr != nil {
		if err := setMAC(tree, o.ethaddr); err != nil {
			return nil, fmt.Errorf("%s: %w", base, err)
		}
	}

	if o.ethaddr == nil && len(o.dtbOverlays) == 0 {
		return blob, nil
	}

	return fdt.Write(tree)
}

// readTree reads a file of the overlay; where it is missing, the error lists what there is.
func readTree(file string) ([]byte, error) {
	blob, err := os.ReadFile(file)
	if err == nil || !os.IsNotExist(err) {
		return blob, err
	}

	var have []string

	// A folder that cannot be read has nothing to offer.
	entries, _ := os.ReadDir(filepath.Dir(file)) // see above
	for _, entry := range entries {
		have = append(have, entry.Name())
	}

	return nil, fmt.Errorf("the overlay image has no %s in artifacts/arm64/%s; it has %s", filepath.Base(file), dtbFolder, strings.Join(have, ", "))
}

// setMAC fixes the MAC address of the Ethernet controller. U-Boot would write its own into every node that an alias
// ethernetN names (boot/fdt_support.c, fdt_fixup_ethernet), so those aliases go; Linux needs none of them.
func setMAC(tree *dt.FDT, mac net.HardwareAddr) error {
	controller := fdt.Lookup(tree.RootNode, "ethernet0")
	if controller == nil {
		return fmt.Errorf("has no alias ethernet0, so that the MAC address %s has no place", mac)
	}

	// Linux takes mac-address before local-mac-address (net/core/of_net.c, of_get_mac_address).
	controller.RemoveProperty("mac-address")
	controller.UpdateProperty("local-mac-address", mac)

	aliases := fdt.Child(tree.RootNode, "aliases")
	aliases.Properties = slices.DeleteFunc(aliases.Properties, func(p dt.Property) bool {
		return strings.HasPrefix(p.Name, "ethernet")
	})

	return nil
}

func placeDeviceTrees(log *logger, root string, trees map[string][]byte) error {
	prefix := strings.TrimSuffix(boardDTB, ".dtb")

	for _, base := range board.DeviceTrees {
		name := filepath.Join(dtbFolder, base)

		written, err := esp.Place(root, name, trees[base], func(base string) bool {
			return strings.HasPrefix(base, prefix) && strings.HasSuffix(base, ".dtb") && !slices.Contains(board.DeviceTrees, base)
		})
		if err != nil {
			return fmt.Errorf("device tree: %w", err)
		}

		log.printf("device tree: %s, %s", filepath.Join(root, name), describe(written, trees[base]))
	}

	return nil
}

func describe(written bool, data []byte) string {
	done := "unchanged"
	if written {
		done = "written"
	}

	return fmt.Sprintf("%d bytes %s, sha256 %x", len(data), done, sha256.Sum256(data))
}
