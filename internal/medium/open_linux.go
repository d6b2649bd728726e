// SPDX-License-Identifier: MPL-2.0

package medium

import (
	"errors"
	"fmt"

	"talos-nanopi-m6/internal/disk"
)

// OpenDisk opens a block device, parts of which may be mounted, or an image file for writing, and locks it.
func OpenDisk(path string) (*Disk, error) {
	device, err := disk.Share(path)
	if errors.Is(err, disk.ErrTarget) {
		return nil, fmt.Errorf("%w: %w", ErrUnfit, err)
	} else if err != nil {
		return nil, err
	}

	d, err := NewDisk(device)
	if err != nil {
		return nil, errors.Join(err, device.Close())
	}

	return d, nil
}
