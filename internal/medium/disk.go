// SPDX-License-Identifier: MPL-2.0

package medium

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"github.com/siderolabs/go-blockdevice/v2/block"
	"golang.org/x/sys/unix"
)

// Disk is a whole block device or an image file.
type Disk struct {
	// Path is as it was given, with symbolic links followed.
	Path string
	// Kind is KindImage for a regular file.
	Kind Kind
	// Size is in bytes.
	Size int64

	file      *os.File
	device    *block.Device // nil for an image file
	blockSize int
	direct    bool
}

// ErrUnfit is returned for what a boot loader cannot be written to.
var ErrUnfit = errors.New("not a disk to install on")

// OpenDisk opens a block device or an image file for writing.
//
// A block device is read and written past the page cache (O_DIRECT), an image file through it where the file system knows
// no other way.
func OpenDisk(path string) (*Disk, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}

	info, err := os.Stat(resolved)
	if err != nil {
		return nil, err
	}

	disk := &Disk{Path: resolved}

	switch mode := info.Mode(); {
	case mode.IsRegular():
		disk.Kind, disk.Size, disk.blockSize = KindImage, info.Size(), 1
		disk.file, err = os.OpenFile(resolved, os.O_RDWR|unix.O_CLOEXEC, 0)

		return disk, err
	case mode&os.ModeDevice != 0 && mode&os.ModeCharDevice == 0:
		return disk, disk.openDevice()
	default:
		return nil, fmt.Errorf("%s: %s is neither a block device nor an image file: %w", path, mode.Type(), ErrUnfit)
	}
}

func (d *Disk) openDevice() (err error) {
	if d.file, err = os.OpenFile(d.Path, os.O_RDWR|unix.O_CLOEXEC|unix.O_DIRECT, 0); err != nil {
		return err
	}

	defer func() {
		if err != nil {
			d.file.Close() //nolint:errcheck // nothing was written
		}
	}()

	d.device, d.direct = block.NewFromFile(d.file), true
	d.blockSize = int(d.device.GetSectorSize())

	size, err := d.device.GetSize()
	if err != nil {
		return fmt.Errorf("%s: size: %w", d.Path, err)
	}

	d.Size = int64(size)

	if whole, err := d.device.IsWholeDisk(); err != nil || !whole {
		return fmt.Errorf("%s: is a partition, not a whole disk: %w", d.Path, errors.Join(ErrUnfit, err))
	}

	if readOnly, err := d.device.IsReadOnly(); err != nil || readOnly {
		return fmt.Errorf("%s: is read-only (a write protect switch, or a worn-out card): %w", d.Path, errors.Join(ErrUnfit, err))
	}

	d.Kind, err = kindOf(d.device)

	return err
}

// Close closes the disk. All that matters was flushed before.
func (d *Disk) Close() error { return d.file.Close() }

// Name implements Medium.
func (d *Disk) Name() string { return d.Path }

// BlockSize implements Medium.
func (d *Disk) BlockSize() int { return d.blockSize }

// Blank implements Medium.
func (d *Disk) Blank() byte { return 0 }

// Flush implements Medium. On a block device fsync makes the disk empty its own cache as well (block/fops.c,
// blkdev_fsync).
func (d *Disk) Flush() error {
	if err := d.file.Sync(); err != nil {
		return err
	}

	if d.direct {
		return nil
	}

	// What is read back then comes from the file system again.
	return unix.Fadvise(int(d.file.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// ReadAt implements Medium.
func (d *Disk) ReadAt(p []byte, offset int64) (int, error) {
	if !d.direct {
		return d.file.ReadAt(p, offset)
	}

	buffer := aligned(len(p))
	n, err := d.file.ReadAt(buffer, offset)

	return copy(p, buffer[:n]), err
}

// WriteAt implements Medium.
func (d *Disk) WriteAt(p []byte, offset int64) (int, error) {
	if !d.direct {
		return d.file.WriteAt(p, offset)
	}

	buffer := aligned(len(p))
	copy(buffer, p)

	return d.file.WriteAt(buffer, offset)
}

// aligned makes a buffer that O_DIRECT takes: at a page's start, which is a multiple of every disk's needs.
func aligned(size int) []byte {
	const page = 4096

	buffer := make([]byte, size+page)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(buffer)))) & (page - 1)

	return buffer[skip:][:size:size]
}
