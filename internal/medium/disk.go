// SPDX-License-Identifier: MPL-2.0

package medium

import (
	"errors"
	"fmt"

	"talos-nanopi-m6/internal/disk"
)

// Disk is a whole block device or an image file.
type Disk struct {
	*disk.Disk

	// Kind is KindImage for a regular file.
	Kind Kind
}

// ErrUnfit is returned for what a boot loader cannot be written to.
var ErrUnfit = errors.New("not a disk to install on")

// NewDisk makes a disk of one that is open.
func NewDisk(device *disk.Disk) (*Disk, error) {
	d := &Disk{device, KindImage}

	if !device.Block() {
		return d, nil
	}

	name, err := device.KernelName()
	if err != nil {
		return nil, fmt.Errorf("%s: what kind of disk it is: %w", d.Name(), err)
	}

	d.Kind = kindFromSysfs(sysBlock, name)

	return d, nil
}
