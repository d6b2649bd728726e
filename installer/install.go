// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/siderolabs/talos/pkg/machinery/overlay"

	"talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/esp"
)

// Install writes the boot loader to its media and the device tree to the EFI partition. All that comes from outside is
// read and checked before anything is written; the boot loader goes first, since it is what can fail for good.
func (*installer) Install(_ context.Context, in overlay.InstallOptions[overlay.ExtraOptions]) error {
	o, err := parseOptions(in.ExtraOptions)
	if err != nil {
		return err
	}

	for name, value := range map[string]string{"installDisk": in.InstallDisk, "artifactsPath": in.ArtifactsPath} {
		if value == "" {
			return fmt.Errorf("%s is missing in what Talos asks for", name)
		}
	}

	artifacts := filepath.Join(in.ArtifactsPath, "arm64")
	efi := espPath(in.MountPrefix)

	trees, err := o.deviceTrees(filepath.Join(artifacts, board.DeviceTreeFolder))
	if err != nil {
		return err
	}

	boot, err := o.planLoader(in.InstallDisk, filepath.Join(artifacts, "u-boot", board.Name), efi)
	if err != nil {
		return err
	}

	defer boot.close()

	files := map[string][]byte{}
	for base, tree := range trees {
		files[filepath.Join(dtbFolder, base)] = tree
	}

	if err := esp.Check(efi, files); err != nil {
		return fmt.Errorf("device tree: %w", err)
	}

	if err := boot.write(); err != nil {
		return err
	}

	return placeDeviceTrees(boot.log, efi, trees)
}

// espPath is where Talos mounts the EFI partition, and from where its imager fills it. On a node the prefix is empty
// (cmd/installer sets it for images only).
func espPath(mountPrefix string) string {
	return filepath.Join("/", mountPrefix, "boot/EFI")
}
