// SPDX-License-Identifier: MPL-2.0

// Package flash writes disk images to cards and disks: only what carries data, past the cache, compared afterwards, and
// in an order that leaves nothing that looks bootable until all of it is there.
package flash

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"unsafe"

	"github.com/siderolabs/go-blockdevice/v2/block"
	"golang.org/x/sys/unix"
)

// Device is what an image is written to. Offsets and sizes are in bytes and multiples of 512.
type Device interface {
	// ReadAt reads what the medium holds, not what a cache above it holds.
	io.ReaderAt
	io.WriterAt
	// Zero makes a range read as zeros.
	Zero(offset, size int64) error
	// Discard tells the medium that its content is not needed any more. What it reads as afterwards is undefined. It does
	// nothing where the medium knows no such thing.
	Discard() error
	// Sync returns when everything that was written is on the medium.
	Sync() error
	// Reread makes the kernel read the partition table again.
	Reread() error
	Size() int64
	Name() string
	Close() error
}

// Errors of devices.
var (
	ErrTarget     = errors.New("cannot be written to")
	ErrSectorSize = errors.New("the image is for a disk with sectors of 512 bytes")
	ErrBusy       = errors.New("in use")
)

// disk is a block device or an image file.
type disk struct {
	file   *os.File
	dev    *block.Device // nil for a file
	size   int64
	direct bool
}

// pageSize is a multiple of what O_DIRECT wants of offsets, sizes and memory, in bytes.
const pageSize = 4096

// Open opens a block device or an image file for writing. A block device is claimed, so that neither a mounted one nor one
// that another program writes to is touched, and written past the page cache (O_EXCL and O_DIRECT, open(2)).
func Open(path string) (Device, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}

	st, err := os.Stat(resolved)
	if err != nil {
		return nil, err
	}

	switch mode := st.Mode(); {
	case mode.IsRegular():
		return openFile(resolved)
	case mode.Type() == os.ModeDevice:
		return openDevice(resolved)
	default:
		return nil, fmt.Errorf("%s: %w: neither a block device nor an image file", path, ErrTarget)
	}
}

func openFile(path string) (Device, error) {
	d := &disk{direct: true}

	var err error

	// Some file systems (tmpfs before Linux 6.6) know no O_DIRECT.
	if d.file, err = os.OpenFile(path, os.O_RDWR|unix.O_DIRECT, 0); errors.Is(err, unix.EINVAL) {
		d.direct = false
		d.file, err = os.OpenFile(path, os.O_RDWR, 0)
	}

	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTarget, err)
	}

	st, err := d.file.Stat()
	if err != nil {
		return nil, errors.Join(err, d.file.Close())
	}

	d.size = st.Size()

	if d.size%512 != 0 {
		return nil, errors.Join(fmt.Errorf("%s: %w: %d bytes are no whole number of sectors", path, ErrTarget, d.size), d.file.Close())
	}

	return d, nil
}

func openDevice(path string) (_ Device, err error) {
	d := &disk{direct: true}

	if d.file, err = os.OpenFile(path, os.O_RDWR|unix.O_EXCL|unix.O_DIRECT, 0); err != nil {
		if errors.Is(err, unix.EBUSY) {
			err = fmt.Errorf("%w: it, or a partition on it, is mounted or used by another program", ErrBusy)
		}

		return nil, fmt.Errorf("%s: %w: %w", path, ErrTarget, err)
	}

	defer func() {
		if err != nil {
			err = errors.Join(err, d.file.Close())
		}
	}()

	d.dev = block.NewFromFile(d.file)

	size, err := d.dev.GetSize()
	if err != nil {
		return nil, fmt.Errorf("%s: size: %w", path, err)
	}

	d.size = int64(size)

	if n := d.dev.GetSectorSize(); n != 512 {
		return nil, fmt.Errorf("%s: %w: this one has sectors of %d bytes: %w", path, ErrTarget, n, ErrSectorSize)
	}

	if ro, err := d.dev.IsReadOnly(); err != nil || ro {
		return nil, fmt.Errorf("%s: %w: it is read-only (a write protect switch, or a worn-out card): %w", path, ErrTarget, orNothing(err))
	}

	return d, nil
}

func orNothing(err error) error {
	if err == nil {
		return unix.EROFS
	}

	return err
}

func (d *disk) Size() int64  { return d.size }
func (d *disk) Name() string { return d.file.Name() }
func (d *disk) Close() error { return d.file.Close() }
func (d *disk) Sync() error  { return d.file.Sync() }

// ReadAt implements Device. A file that was written through the cache is read through it: there is no medium below.
func (d *disk) ReadAt(p []byte, off int64) (int, error) {
	if !d.direct || isAligned(p, off) {
		return d.file.ReadAt(p, off)
	}

	// O_DIRECT reads whole pages; the end of a disk may lie within one.
	start := off &^ (pageSize - 1)
	end := min((off+int64(len(p))+pageSize-1)&^(pageSize-1), max(d.size, start))
	b := Aligned(int(end - start))
	n, err := d.file.ReadAt(b, start)

	n = copy(p, b[min(off-start, int64(n)):n])
	if n == len(p) {
		return n, nil
	}

	if err == nil {
		err = io.EOF
	}

	return n, err
}

// WriteAt implements Device.
func (d *disk) WriteAt(p []byte, off int64) (int, error) {
	if d.direct && uintptr(unsafe.Pointer(unsafe.SliceData(p)))%pageSize != 0 {
		b := Aligned(len(p))
		copy(b, p)
		p = b
	}

	return d.file.WriteAt(p, off)
}

func isAligned(p []byte, off int64) bool {
	return off%512 == 0 && len(p)%512 == 0 && uintptr(unsafe.Pointer(unsafe.SliceData(p)))%pageSize == 0
}

// Zero implements Device.
func (d *disk) Zero(offset, size int64) error {
	if size == 0 {
		return nil
	}

	if d.dev != nil {
		// The kernel lets the medium do it where that can, and writes zeros where it cannot (blkdev_issue_zeroout).
		arg := [2]uint64{uint64(offset), uint64(size)}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, d.file.Fd(), unix.BLKZEROOUT, uintptr(unsafe.Pointer(&arg))); errno != 0 {
			return errno
		}

		return nil
	}

	err := unix.Fallocate(int(d.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, offset, size)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return d.writeZeros(offset, size)
	}

	return err
}

func (d *disk) writeZeros(offset, size int64) error {
	b := Aligned(int(min(size, chunkSize)))

	for size > 0 {
		n, err := d.file.WriteAt(b[:min(size, int64(len(b)))], offset)
		if err != nil {
			return err
		}

		offset += int64(n)
		size -= int64(n)
	}

	return nil
}

// Discard implements Device.
func (d *disk) Discard() error {
	if d.dev == nil {
		return unix.Fallocate(int(d.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, d.size)
	}

	arg := [2]uint64{0, uint64(d.size)}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, d.file.Fd(), unix.BLKDISCARD, uintptr(unsafe.Pointer(&arg))); errno != 0 && errno != unix.EOPNOTSUPP {
		return errno
	}

	return nil
}

// Reread implements Device.
func (d *disk) Reread() error {
	if d.dev == nil {
		return nil
	}

	_, err := unix.IoctlRetInt(int(d.file.Fd()), unix.BLKRRPART)
	if errors.Is(err, unix.EINVAL) { // a device without partitions, as loop devices are by default
		return nil
	}

	return err
}

// Aligned makes a buffer that O_DIRECT takes.
func Aligned(size int) []byte {
	b := make([]byte, size+pageSize)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (pageSize - 1)

	return b[skip:][:size:size]
}
