// SPDX-License-Identifier: MPL-2.0

package rockchiptest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/u-root/u-root/pkg/dt"

	"talos-nanopi-m6/internal/rockchip"
)

// Artifacts writes what an overlay image has in artifacts/: boot loaders for every medium, and a device tree.
func Artifacts(dir string, spec Spec) error {
	files := map[string][]byte{"arm64/dtb/rockchip/rk3588s-nanopi-m6.dtb": DeviceTree()}

	for _, layout := range []rockchip.Layout{rockchip.MMC, rockchip.SPI} {
		files["arm64/u-boot/nanopi-m6/"+layout.File] = spec.Image(layout)
	}

	for name, content := range files {
		file := filepath.Join(dir, name)

		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}

		if err := os.WriteFile(file, content, 0o644); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}

	return nil
}

// DeviceTree makes a tree with what the installer looks for in one.
func DeviceTree() []byte {
	tree := &dt.FDT{
		Header: dt.Header{Magic: dt.Magic, Version: 17, LastCompVersion: 16},
		RootNode: dt.NewNode("", dt.WithProperty(
			dt.Property{Name: "compatible", Value: []byte("friendlyelec,nanopi-m6\x00rockchip,rk3588s\x00")},
		), dt.WithChildren(
			dt.NewNode("aliases", dt.WithProperty(
				dt.PropertyString("ethernet0", "/ethernet@fe1c0000"), dt.PropertyString("mmc0", "/mmc@fe2e0000"))),
			dt.NewNode("ethernet@fe1c0000", dt.WithProperty(dt.PropertyU32("phandle", 1))),
			dt.NewNode("mmc@fe2e0000"),
			dt.NewNode("__symbols__", dt.WithProperty(dt.PropertyString("gmac1", "/ethernet@fe1c0000"))),
		)),
	}

	var flat bytes.Buffer
	if _, err := tree.Write(&flat); err != nil {
		panic(err) // into memory: only a fault of this package
	}

	return flat.Bytes()
}
