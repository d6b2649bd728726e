// SPDX-License-Identifier: MPL-2.0

package medium

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/inspect/gpt"
)

// ErrInTheWay is returned where a boot loader would overwrite what a disk is divided by.
var ErrInTheWay = errors.New("boot loader would overwrite it")

// gptEntries is the size of the GPT's partition entries, in bytes: 128 of 128 bytes each, as Talos writes and
// reads them.
const gptEntries = 128 * 128

// CheckRoom makes sure that the bytes from start to end of the disk are clear of the partitions and of the partition
// table, and that the disk is large enough. It says whether the disk has a partition table at all: the Talos imager, and
// Talos' installer from 1.13 on for a first installation, write it after the overlay.
func CheckRoom(m disk.Medium, start, end int64) (partitioned bool, err error) {
	if size := m.Size(); end > size {
		return false, fmt.Errorf("%s: has %d bytes, the boot loader ends at byte %d", m.Name(), size, end)
	}

	return checkRoom(m.Name(), Reader(m), m.Size(), int64(m.SectorSize()), start, end)
}

func checkRoom(name string, r io.ReaderAt, size, sector, start, end int64) (partitioned bool, err error) {
	overlaps := func(what string, from, to int64) error {
		if from < end && start < to {
			return fmt.Errorf("%s: %s is in bytes %d to %d, the boot loader in %d to %d: %w; partition the disk with an offset of %d sectors (write Talos' image to it)",
				name, what, from, to-1, start, end-1, ErrInTheWay, (end+sector-1)/sector)
		}

		return nil
	}

	header := make([]byte, sector)
	if _, err := r.ReadAt(header, sector); err != nil {
		return false, fmt.Errorf("%s: reading the partition table: %w", name, err)
	}

	signed := string(header[:8]) == "EFI PART"

	table, err := gpt.Read(r, size, int(sector))

	switch {
	case err != nil && !signed:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("%s: its partition table is damaged, or of a form that is not read: %w", name, err)
	}

	if signed {
		// Also where the header is damaged otherwise: UEFI 2.10, table 5.5, PartitionEntryLBA.
		entries := int64(binary.LittleEndian.Uint64(header[72:]))
		if entries < 0 || entries > (1<<62)/sector {
			return false, fmt.Errorf("%s: its partition table is damaged: entries at sector %d", name, uint64(entries))
		}

		if err := overlaps("the partition table", entries*sector, entries*sector+gptEntries); err != nil {
			return true, err
		}
	}

	for _, p := range table.Partitions {
		if err := overlaps(fmt.Sprintf("partition %d (%s)", p.Number, p.Name), p.Offset, p.Offset+p.Size); err != nil {
			return true, err
		}
	}

	return true, nil
}
