// SPDX-License-Identifier: MPL-2.0

package medium

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/rockchip"
)

// BootPartition is one of an eMMC's two hardware boot partitions, open for writing.
type BootPartition struct {
	*Disk
	forceRO string
}

// OpenBootPartition opens /dev/mmcblkNboot0 or /dev/mmcblkNboot1. The kernel keeps them read-only until it is told
// otherwise (Documentation/driver-api/mmc/mmc-dev-parts.rst, force_ro); Close has it do so again.
func OpenBootPartition(path string) (*BootPartition, error) { return openBootPartition(path, sysBlock) }

func openBootPartition(path, sys string) (*BootPartition, error) {
	forceRO := filepath.Join(sys, filepath.Base(path), "force_ro")

	if err := os.WriteFile(forceRO, []byte("0"), 0); err != nil {
		return nil, fmt.Errorf("%s: making it writable: %w", path, err)
	}

	d, err := OpenDisk(path)
	if err != nil {
		return nil, errors.Join(err, os.WriteFile(forceRO, []byte("1"), 0))
	}

	return &BootPartition{d, forceRO}, nil
}

// Close closes the partition and makes it read-only again.
func (b *BootPartition) Close() error {
	return errors.Join(b.Disk.Close(), os.WriteFile(b.forceRO, []byte("1"), 0))
}

// IDBlockParts lists a loader's idblock for a medium that has room for no more, twice where it fits, in an order in which
// Update keeps one of the two whole.
func IDBlockParts(m disk.Medium, loader *rockchip.Loader) ([]Part, error) {
	layout := loader.Layout
	length := int64(len(loader.IDBlock))
	size := m.Size()

	if end := layout.IDBlock + length; end > size {
		return nil, fmt.Errorf("%s: has %d bytes, the idblock ends at byte %d", m.Name(), size, end)
	}

	first := Part{Name: "idblock", Offset: layout.IDBlock, Data: loader.IDBlock}
	second := Part{Name: "second idblock", Offset: layout.IDBlock + layout.Stride, Data: loader.IDBlock}

	switch _, err := rockchip.ReadIDBlock(Reader(m), layout.IDBlock); {
	case second.Offset+length > size:
		return []Part{first}, nil
	case err != nil:
		return []Part{first, second}, nil
	default:
		return []Part{second, first}, nil
	}
}
