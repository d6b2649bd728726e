// SPDX-License-Identifier: MPL-2.0

package medium

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/siderolabs/go-blockdevice/v2/partitioning/gpt"
)

// ErrInTheWay is returned where a boot loader would overwrite what a disk is divided by.
var ErrInTheWay = errors.New("boot loader would overwrite it")

// gptEntries is the size of the GPT's partition entries, in bytes: 128 of 128 bytes each, as go-blockdevice (hence Talos)
// writes and reads them.
const gptEntries = 128 * 128

// CheckRoom makes sure that the bytes from start to end of the disk are clear of the partitions and of the partition
// table, and that the disk is large enough. It says whether the disk has a partition table at all: the Talos imager, and
// Talos' installer from 1.13 on for a first installation, write it after the overlay.
func (d *Disk) CheckRoom(start, end int64) (partitioned bool, err error) {
	return CheckRoom(d.Medium, d.Size, d.device.SectorSize(), start, end)
}

// CheckRoom is that of any medium of size bytes, in sectors of a size in bytes.
func CheckRoom(m Medium, size int64, sector int, start, end int64) (partitioned bool, err error) {
	if end > size {
		return false, fmt.Errorf("%s: has %d bytes, the boot loader ends at byte %d", m.Name(), size, end)
	}

	return checkRoom(m.Name(), gptDevice{m, uint(sector), uint64(size)}, start, end)
}

func checkRoom(name string, device gpt.Device, start, end int64) (partitioned bool, err error) {
	sector := int64(device.GetSectorSize())

	overlaps := func(what string, from, to int64) error {
		if from < end && start < to {
			return fmt.Errorf("%s: %s is in bytes %d to %d, the boot loader in %d to %d: %w; partition the disk with an offset of %d sectors (write Talos' image to it)",
				name, what, from, to-1, start, end-1, ErrInTheWay, (end+sector-1)/sector)
		}

		return nil
	}

	header := make([]byte, sector)
	if _, err := device.ReadAt(header, sector); err != nil {
		return false, fmt.Errorf("%s: reading the partition table: %w", name, err)
	}

	table, err := gpt.Read(device)
	if err != nil {
		// go-blockdevice has no error of its own for a disk without a table; it found no valid header, in front or at the
		// end.
		if string(header[:8]) != "EFI PART" {
			return false, nil
		}

		return false, fmt.Errorf("%s: its partition table is damaged, or of a form that is not read: %w", name, err)
	}

	if string(header[:8]) == "EFI PART" {
		// The table does not tell where its entries are: UEFI 2.10, table 5.5, PartitionEntryLBA.
		entries := int64(binary.LittleEndian.Uint64(header[72:]))
		if entries < 0 || entries > (1<<62)/sector {
			return false, fmt.Errorf("%s: its partition table is damaged: entries at sector %d", name, uint64(entries))
		}

		if err := overlaps("the partition table", entries*sector, entries*sector+gptEntries); err != nil {
			return true, err
		}
	}

	for number, partition := range table.Partitions() {
		if partition == nil {
			continue
		}

		what := fmt.Sprintf("partition %d (%s)", number+1, partition.Name)
		if err := overlaps(what, int64(partition.FirstLBA)*sector, int64(partition.LastLBA+1)*sector); err != nil {
			return true, err
		}
	}

	return true, nil
}

// gptDevice is the disk as go-blockdevice reads its partition table.
type gptDevice struct {
	Medium

	sector uint
	size   uint64
}

var errReadOnly = errors.New("opened for reading")

func (d gptDevice) ReadAt(p []byte, offset int64) (int, error) {
	return Reader(d.Medium).ReadAt(p, offset)
}
func (d gptDevice) GetSectorSize() uint      { return d.sector }
func (d gptDevice) GetSize() uint64          { return d.size }
func (d gptDevice) GetIOSize() (uint, error) { return d.sector, nil }
func (d gptDevice) Sync() error              { return nil }

func (gptDevice) GetKernelLastPartitionNum() (int, error)         { return 0, errReadOnly }
func (gptDevice) KernelPartitionAdd(int, uint64, uint64) error    { return errReadOnly }
func (gptDevice) KernelPartitionResize(int, uint64, uint64) error { return errReadOnly }
func (gptDevice) KernelPartitionDelete(int) error                 { return errReadOnly }
