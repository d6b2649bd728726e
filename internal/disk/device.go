// SPDX-License-Identifier: MPL-2.0

// Package disk opens block devices and image files, past the cache, and tells what a machine's disks are and who uses them.
// All that writes to a medium, m6 and the overlay installer, does so through it.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"
)

// Medium is what a boot loader is written to: a disk, an image file, a flash chip, a board's storage over USB. Offsets and sizes are
// in bytes, and multiples of SectorSize.
type Medium interface {
	// ReadAt reads what the medium holds, not what a cache above it holds.
	io.ReaderAt
	// WriteAt writes. What it wrote may reach the medium late and in any order, until Sync returns.
	io.WriterAt
	// Sync returns when everything that was written is on the medium.
	Sync() error
	Size() int64
	// SectorSize is the smallest unit of reading and writing.
	SectorSize() int
	// Blank is the byte that can be turned into any other without changing bytes around it: 0xff on flash chips, which can only
	// clear bits.
	Blank() byte
	// Name is what messages call it.
	Name() string
}

// Device is a medium that an image is written to, in sectors of 512 bytes.
type Device interface {
	Medium
	// Zero makes a range read as zeros.
	Zero(offset, size int64) error
	// Discard tells the medium that its content is not needed any more, and says whether the medium knows such a thing. What
	// it reads as afterwards is undefined.
	Discard() (bool, error)
	// Reread makes the kernel read the partition table again.
	Reread() error
	Close() error
}

// Errors of devices.
var (
	ErrTarget     = errors.New("cannot be written to")
	ErrSectorSize = errors.New("the image is for a disk with sectors of 512 bytes")
	ErrBusy       = errors.New("in use")
	ErrTooSmall   = errors.New("the image is larger than the medium")
	ErrSame       = errors.New("it would be written onto itself")
)

// PageSize is a multiple of what O_DIRECT wants of offsets, sizes and memory, in bytes.
const PageSize = 4096

// zeroPiece is how much is zeroed with one write where nothing better is known, in bytes.
const zeroPiece = 4 << 20

// Disk is an open block device or image file.
type Disk struct {
	file *os.File
	path string
	size int64
	// sector is the logical sector size in bytes, 512 for a file.
	sector int
	// block says that it is a block device, direct that the page cache is passed by.
	block, direct bool
	// release gives back what opening took besides the file.
	release []func() error
}

// Open opens a block device or an image file for writing. A block device is claimed, so that neither a mounted one nor one
// that another program writes to is touched, until it is closed.
func Open(path string) (*Disk, error) {
	d, err := open(path, true)
	if err != nil {
		return nil, err
	}

	if d.block && d.sector != 512 {
		return nil, errors.Join(fmt.Errorf("%s: %w: this one has sectors of %d bytes: %w", path, ErrTarget, d.sector, ErrSectorSize), d.Close())
	}

	return d, nil
}

// Read opens a block device for reading.
func Read(path string) (*Disk, error) {
	resolved, err := resolve(path)
	if err != nil {
		return nil, err
	}

	d := &Disk{path: resolved, sector: 512, block: true}

	if err := d.openRead(); err != nil {
		if d.file != nil {
			err = errors.Join(err, d.Close())
		}

		return nil, fmt.Errorf("%s: %w", path, rights(err))
	}

	return d, nil
}

func open(path string, exclusive bool) (*Disk, error) {
	resolved, err := resolve(path)
	if err != nil {
		return nil, err
	}

	d := &Disk{path: resolved, sector: 512, block: IsDevice(resolved)}

	if d.block {
		err = d.openBlock(exclusive)
	} else {
		err = d.openFile()
	}

	if err != nil {
		if d.file != nil {
			err = errors.Join(err, d.file.Close())
		}

		return nil, fmt.Errorf("%s: %w: %w", path, ErrTarget, rights(errors.Join(err, d.free())))
	}

	return d, nil
}

// rights adds to a refusal by the operating system what helps.
func rights(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %s", err, rightsHint)
	}

	return err
}

func (d *Disk) openFile() error {
	// Opening a pipe would wait.
	if st, err := os.Stat(d.path); err != nil {
		return err
	} else if !st.Mode().IsRegular() {
		return errors.New("neither a block device nor an image file")
	}

	if err := d.openFileDirect(); err != nil {
		return err
	}

	st, err := d.file.Stat()
	if err != nil {
		return err
	}

	if d.size = st.Size(); d.size%512 != 0 {
		return fmt.Errorf("%d bytes are not a whole number of sectors", d.size)
	}

	return nil
}

// Block says that it is a block device, not a file.
func (d *Disk) Block() bool { return d.block }

// SectorSize is the logical sector size in bytes.
func (d *Disk) SectorSize() int { return d.sector }

// Blank implements Medium.
func (d *Disk) Blank() byte { return 0 }

// Size is in bytes.
func (d *Disk) Size() int64 { return d.size }

// Name is its path with symbolic links followed.
func (d *Disk) Name() string { return d.path }

// Close closes it. All that matters was flushed before.
func (d *Disk) Close() error {
	return errors.Join(d.file.Close(), d.free())
}

// free gives back what opening took besides the file.
func (d *Disk) free() error {
	var errs []error
	for _, r := range d.release {
		errs = append(errs, r())
	}

	d.release = nil

	return errors.Join(errs...)
}

// ReadAt implements Device.
func (d *Disk) ReadAt(p []byte, off int64) (int, error) {
	if !d.direct || aligned(p, off) {
		return d.file.ReadAt(p, off)
	}

	// Whole pages are read past the cache; the end of a disk may lie within one.
	start := off &^ (PageSize - 1)
	end := min((off+int64(len(p))+PageSize-1)&^(PageSize-1), max(d.size, start))
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
func (d *Disk) WriteAt(p []byte, off int64) (int, error) {
	if d.direct && address(p)%PageSize != 0 {
		b := Aligned(len(p))
		copy(b, p)
		p = b
	}

	n, err := d.file.WriteAt(p, off)
	if err != nil && n == 0 && d.leaveDirect(err) {
		return d.file.WriteAt(p, off)
	}

	return n, err
}

// Zero implements Device.
func (d *Disk) Zero(offset, size int64) error {
	if size == 0 {
		return nil
	}

	done, err := d.zeroFast(offset, size)
	if done || err != nil {
		return err
	}

	for b := Aligned(int(min(size, zeroPiece))); size > 0; {
		n, err := d.WriteAt(b[:min(size, int64(len(b)))], offset)
		if err != nil {
			return err
		}

		offset += int64(n)
		size -= int64(n)
	}

	return nil
}

func aligned(p []byte, off int64) bool {
	return off%512 == 0 && len(p)%512 == 0 && address(p)%PageSize == 0
}

func address(p []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(p))) }

// Aligned makes a buffer that is written and read past the page cache without a copy.
func Aligned(size int) []byte {
	b := make([]byte, size+PageSize)
	skip := -int(address(b)) & (PageSize - 1)

	return b[skip:][:size:size]
}

func orElse(err, other error) error {
	if err == nil {
		return other
	}

	return err
}

// followed is a path with its symbolic links followed, as far as it exists.
func followed(path string) (string, error) { return filepath.EvalSymlinks(path) }
