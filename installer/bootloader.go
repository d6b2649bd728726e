// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/medium"
	"talos-nanopi-m6/internal/rockchip"
)

// bootPlan is what is going to be written where, all of it checked.
type bootPlan struct {
	log     *logger
	targets []target
	open    []io.Closer
}

// target is one medium and what it gets.
type target struct {
	medium disk.Medium
	parts  []medium.Part
	// search is how the board looks for it; nil where nothing starts from it alone: an image file, a boot partition.
	search *rockchip.Layout
}

func (p *bootPlan) close() {
	for _, file := range p.open {
		file.Close() // all that matters was flushed and read back
	}
}

// planLoader decides what of the boot loader in artifacts goes to the disk and to the SPI flash, and checks all of it.
func (o *options) planLoader(path, artifacts, esp string) (_ *bootPlan, err error) {
	disk, err := medium.OpenDisk(path)
	if err != nil {
		return nil, fmt.Errorf("install disk: %w", err)
	}

	image := disk.Kind == medium.KindImage
	// The imager of Talos 1.12 and before makes images on loop devices: no node.
	node := !image && disk.Kind != medium.KindLoop
	plan := &bootPlan{log: newLogger(node), open: []io.Closer{disk}}

	defer func() {
		if err != nil {
			plan.close()
		}
	}()

	if reason := o.leavesOut(disk.Kind); reason != "" {
		plan.log.printf("boot loader not written to %s: %s", disk.Name(), reason)
	} else {
		loader, raw, err := o.readLoader(artifacts, rockchip.MMC, image)
		if err != nil {
			return nil, err
		}

		added, err := diskTarget(disk, loader, raw)
		if err != nil {
			return nil, err
		}

		plan.targets = append(plan.targets, *added)

		if node && !mounted(esp) {
			plan.log.printf("WARNING: the EFI partition of %s is not mounted. From Talos 1.13 on a first installation wipes the disk after this: "+
				"the boot loader will not stay. Write the disk image to it instead, or keep the boot loader elsewhere (overlay option bootDevice)", disk.Name())
		}
	}

	if image && (o.spiBoot || len(o.emmcBoot) > 0) {
		plan.log.printf("SPI flash and eMMC boot partitions: left to the node")

		return plan, nil
	}

	if o.spiBoot {
		added, flash, err := o.norTarget(artifacts)
		if err != nil {
			return nil, err
		}

		plan.targets, plan.open = append(plan.targets, *added), append(plan.open, flash)
	}

	for _, name := range o.emmcBoot {
		if disk.Kind != medium.KindEMMC {
			return nil, fmt.Errorf("%s: has no boot partitions; it is not an eMMC but of kind %s: leave the overlay option emmcBoot out", disk.Name(), disk.Kind)
		}

		added, partition, err := o.bootPartitionTarget(disk.Name()+name, artifacts)
		if err != nil {
			return nil, err
		}

		plan.targets, plan.open = append(plan.targets, *added), append(plan.open, partition)
	}

	return plan, nil
}

// leavesOut says why the boot loader is not written to a disk of that kind, or nothing.
func (o *options) leavesOut(kind medium.Kind) string {
	switch o.bootDevice {
	case "sd":
		if kind == medium.KindEMMC || kind == medium.KindNVMe || kind == medium.KindOther {
			return fmt.Sprintf("it lives on an SD card (overlay option bootDevice), this one is another kind (%s)", kind)
		}
	case "emmc":
		if kind == medium.KindSD || kind == medium.KindNVMe || kind == medium.KindOther {
			return fmt.Sprintf("it lives on the eMMC (overlay option bootDevice), this one is another kind (%s)", kind)
		}
	case "nvme", "spi":
		return fmt.Sprintf("it lives elsewhere (overlay option bootDevice: %s)", o.bootDevice)
	default:
		if kind == medium.KindNVMe || kind == medium.KindOther {
			return fmt.Sprintf("the board's mask ROM does not start from this kind of disk (%s)", kind)
		}
	}

	return ""
}

// readLoader reads U-Boot's image for a layout and verifies it. A stand-in passes into an image file only, and only where
// asked for.
func (o *options) readLoader(artifacts string, layout rockchip.Layout, image bool) (*rockchip.Loader, []byte, error) {
	file := filepath.Join(artifacts, layout.File)

	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("boot loader: %w", err)
	}

	loader, err := rockchip.ParseLoader(raw, layout)
	if err != nil {
		return nil, nil, fmt.Errorf("boot loader: %w", err)
	}

	switch {
	case !loader.StandIn:
		return loader, raw, nil
	case !image:
		return nil, nil, fmt.Errorf("boot loader: %s: %w; it is never written to a device: build the overlay with Rockchip's DDR blob", file, rockchip.ErrStandIn)
	case !o.allowStandIn:
		return nil, nil, fmt.Errorf("boot loader: %s: %w; build the overlay with Rockchip's DDR blob, or say with the overlay option allowStandIn that the image needs no board", file, rockchip.ErrStandIn)
	}

	return loader, raw, nil
}

// diskTarget checks the disk's geometry. What get-options promised holds where there is no partition table yet.
func diskTarget(disk *medium.Disk, loader *rockchip.Loader, raw []byte) (*target, error) {
	start, end := loader.Layout.FileStart, max(loader.End(), loader.Layout.FileStart+int64(len(raw)))

	if promised := board.LoaderRoom; end > promised {
		return nil, fmt.Errorf("boot loader: ends at byte %d of the disk, but partitions may begin at byte %d (get-options' partition offset)", end, promised)
	}

	if _, err := medium.CheckRoom(disk, start, end); err != nil {
		return nil, fmt.Errorf("install disk: %w", err)
	}

	// An image file gets U-Boot's image as it is: nothing starts from it before it is whole, and tools that know U-Boot's
	// layout find what they expect.
	if disk.Kind == medium.KindImage {
		return &target{medium: disk, parts: []medium.Part{{Name: loader.Layout.File, Offset: start, Data: raw}}}, nil
	}

	parts, err := medium.LoaderParts(disk, loader)

	return &target{disk, parts, &loader.Layout}, err
}

// Where the kernel shows flash chips.
const (
	devFolder = "/dev"
	sysMTD    = "/sys/class/mtd"
)

func (o *options) norTarget(artifacts string) (*target, *medium.NOR, error) {
	loader, _, err := o.readLoader(artifacts, rockchip.SPI, false)
	if err != nil {
		return nil, nil, err
	}

	path, err := medium.FindNOR(devFolder, sysMTD)
	if err != nil {
		return nil, nil, fmt.Errorf("SPI flash (overlay option spiBoot): %w", err)
	}

	flash, err := medium.OpenNOR(path)
	if err != nil {
		return nil, nil, fmt.Errorf("SPI flash: %w", err)
	}

	parts, err := medium.LoaderParts(flash, loader)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("SPI flash: %w", err), flash.Close())
	}

	return &target{flash, parts, &loader.Layout}, flash, nil
}

func (o *options) bootPartitionTarget(path, artifacts string) (*target, *medium.BootPartition, error) {
	loader, _, err := o.readLoader(artifacts, rockchip.MMC, false)
	if err != nil {
		return nil, nil, err
	}

	partition, err := medium.OpenBootPartition(path)
	if err != nil {
		return nil, nil, fmt.Errorf("eMMC boot partition: %w", err)
	}

	parts, err := medium.IDBlockParts(partition, loader)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("eMMC boot partition: %w", err), partition.Close())
	}

	return &target{medium: partition, parts: parts}, partition, nil
}

// write writes every target and checks that the board starts it.
func (p *bootPlan) write() error {
	for _, t := range p.targets {
		outcomes, err := medium.Update(t.medium, t.parts)

		for _, outcome := range outcomes {
			p.log.printf("%s: %s at byte %d, %s", t.medium.Name(), outcome.Name, outcome.Offset, describe(outcome.Written, outcome.Data))
		}

		if err != nil {
			return errors.Join(fmt.Errorf("boot loader: %w", err), t.state())
		}

		if t.search == nil {
			continue
		}

		if _, err := rockchip.Search(medium.Reader(t.medium), *t.search); err != nil {
			return fmt.Errorf("boot loader: %s: was written and read back, but %w", t.medium.Name(), err)
		}
	}

	return nil
}

// state says after a failure what the board would do with the medium.
func (t *target) state() error {
	if t.search == nil {
		return nil
	}

	found, err := rockchip.Search(medium.Reader(t.medium), *t.search)
	if err != nil {
		return fmt.Errorf("now %s: %w; start from another medium and install again", t.medium.Name(), err)
	}

	return fmt.Errorf("the board still starts from %s: idblock at byte %d, FIT at byte %d", t.medium.Name(), found.IDBlockAt, found.FITAt)
}

// mounted says whether something is mounted at a folder.
func mounted(folder string) bool {
	device := func(name string) (uint64, bool) {
		info, err := os.Stat(name)
		if err != nil {
			return 0, false
		}

		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return 0, false
		}

		return stat.Dev, true
	}

	inside, ok := device(folder)
	outside, okParent := device(filepath.Dir(folder))

	return ok && okParent && inside != outside
}
