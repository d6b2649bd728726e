// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/siderolabs/talos/pkg/machinery/overlay"

	"talos-nanopi-m6/internal/rockchip"
)

// Install writes the boot loader to the disk and the device tree to the EFI partition.
func (*installer) Install(_ context.Context, in overlay.InstallOptions[overlay.ExtraOptions]) error {
	o, err := parseOptions(in.ExtraOptions)
	if err != nil {
		return err
	}

	if err := o.installLoader(in.InstallDisk, filepath.Join(in.ArtifactsPath, "arm64/u-boot", overlayName, "u-boot-rockchip.bin")); err != nil {
		return err
	}

	return o.installDTB(filepath.Join(in.ArtifactsPath, "arm64/dtb/rockchip"), filepath.Join(in.MountPrefix, "boot/EFI"))
}

func (o *options) installLoader(disk, artifact string) error {
	loader, err := os.ReadFile(artifact)
	if err != nil {
		return fmt.Errorf("boot loader: %w", err)
	}

	block, err := rockchip.ParseIDBlock(loader)
	if err != nil {
		return fmt.Errorf("%s: %w", artifact, err)
	}

	if err := block.VerifyStages(loader); err != nil {
		return fmt.Errorf("%s: %w", artifact, err)
	}

	info, err := os.Stat(disk)
	if err != nil {
		return fmt.Errorf("install disk: %w", err)
	}

	if block.StandIn(loader) && (!o.allowStandIn || !info.Mode().IsRegular()) {
		return fmt.Errorf("%s: %w; build the overlay with a DDR blob (the overlay option allowStandIn lets it into an image file)", artifact, rockchip.ErrStandIn)
	}

	if end := int64(rockchip.LoaderOffset + len(loader)); end > partitionOffset*rockchip.SectorSize {
		return fmt.Errorf("%s: ends at byte %d of the disk, past the %d bytes the partitions leave", artifact, end, partitionOffset*rockchip.SectorSize)
	}

	f, err := os.OpenFile(disk, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("install disk: %w", err)
	}

	_, err = f.WriteAt(loader, rockchip.LoaderOffset)

	return errors.Join(err, f.Sync(), f.Close())
}

func (o *options) installDTB(artifacts, esp string) error {
	blob, err := os.ReadFile(filepath.Join(artifacts, o.dtb))
	if err != nil {
		return fmt.Errorf("device tree: %w", err)
	}

	dir := filepath.Join(esp, "dtb/rockchip")

	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("device tree: %w", err)
	}

	return os.WriteFile(filepath.Join(dir, boardDTB), blob, 0o644)
}
