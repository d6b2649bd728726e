// SPDX-License-Identifier: MPL-2.0

package medium

import (
	"errors"
	"fmt"

	"talos-nanopi-m6/internal/disk"
)

// Disk is a whole block device or an image file.
type Disk struct {
	Medium

	// Path is as it was given, with symbolic links followed.
	Path string
	// Kind is KindImage for a regular file.
	Kind Kind
	// Size is in bytes.
	Size int64

	device *disk.Disk
}

// ErrUnfit is returned for what a boot loader cannot be written to.
var ErrUnfit = errors.New("not a disk to install on")

// NewDisk makes a disk of one that is open.
func NewDisk(device *disk.Disk) (*Disk, error) {
	d := &Disk{Medium: On(device, device.SectorSize()), Path: device.Name(), Kind: KindImage, Size: device.Size(), device: device}

	if !device.Block() {
		return d, nil
	}

	name, err := device.KernelName()
	if err != nil {
		return nil, fmt.Errorf("%s: what kind of disk it is: %w", d.Path, err)
	}

	d.Kind = kindFromSysfs(sysBlock, name)

	return d, nil
}

// Close closes the disk. All that matters was flushed before.
func (d *Disk) Close() error { return d.device.Close() }

// On makes a medium of any device, which is written in blocks of a size in bytes.
func On(device disk.Device, block int) Medium { return onDevice{device, block} }

type onDevice struct {
	disk.Device

	block int
}

// BlockSize implements Medium.
func (d onDevice) BlockSize() int { return d.block }

// Blank implements Medium.
func (d onDevice) Blank() byte { return 0 }
