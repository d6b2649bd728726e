// SPDX-License-Identifier: MPL-2.0

package medium

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"talos-nanopi-m6/internal/disk"
)

// NOR is a SPI NOR flash chip, through the kernel's MTD character device.
//
// NOR flash is written by clearing bits, one byte at a time if need be, and set again only by erasing blocks of erase
// bytes. WriteAt erases where it must and only clears bits where that is enough, so that the four bytes of a magic number
// are written and taken away without touching anything else.
type NOR struct {
	chip  chip
	path  string
	size  int64
	erase int64
}

// chip is what of the MTD character device is used.
type chip interface {
	ReadAt(p []byte, offset int64) (int, error)
	// WriteAt clears bits.
	WriteAt(p []byte, offset int64) (int, error)
	// Erase sets all bits of length bytes at offset, both multiples of the erase block's size.
	Erase(offset, length int64) error
	Sync() error
	Close() error
}

// ErrNoNOR is returned where the board has no SPI NOR flash chip, or the kernel no driver for it.
var ErrNoNOR = errors.New("no SPI NOR flash chip found")

// FindNOR finds the whole SPI NOR flash chip among the kernel's MTD devices: dev is "/dev", sys is "/sys/class/mtd".
// More than one is an error, since there is no telling which one starts the board.
func FindNOR(dev, sys string) (string, error) {
	types, err := filepath.Glob(filepath.Join(sys, "mtd*", "type"))
	if err != nil {
		return "", err
	}

	var found []string

	for _, file := range types {
		name := filepath.Base(filepath.Dir(file))

		kind, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}

		// A partition has an offset, the chip has none (drivers/mtd/mtdpart.c).
		_, offsetErr := os.Stat(filepath.Join(sys, name, "offset"))

		if strings.TrimSpace(string(kind)) == "nor" && !strings.HasSuffix(name, "ro") && errors.Is(offsetErr, os.ErrNotExist) {
			found = append(found, filepath.Join(dev, name))
		}
	}

	switch len(found) {
	case 0:
		return "", fmt.Errorf("%w among %s: the chip may not be fitted on this board", ErrNoNOR, sys)
	case 1:
		return found[0], nil
	}

	return "", fmt.Errorf("%d SPI NOR flash chips found, not one: %s", len(found), strings.Join(found, ", "))
}

// OpenNOR opens an MTD character device for writing.
func OpenNOR(path string) (*NOR, error) {
	file, err := os.OpenFile(path, os.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}

	var info unix.MtdInfo

	if err := ioctl(file, unix.MEMGETINFO, unsafe.Pointer(&info)); err != nil {
		file.Close() // nothing was written

		return nil, fmt.Errorf("%s: MEMGETINFO: %w", path, err)
	}

	if info.Type != unix.MTD_NORFLASH || info.Writesize != 1 || info.Erasesize == 0 || info.Flags&unix.MTD_WRITEABLE == 0 {
		file.Close() // nothing was written

		return nil, fmt.Errorf("%s: not a NOR flash that can be written (type %d, flags %#x, written in units of %d): %w",
			path, info.Type, info.Flags, info.Writesize, ErrUnfit)
	}

	return &NOR{chip: mtd{file}, path: path, size: int64(info.Size), erase: int64(info.Erasesize)}, nil
}

// Size is the chip's, in bytes.
func (f *NOR) Size() int64 { return f.size }

// Close closes the chip. All that matters was flushed before.
func (f *NOR) Close() error { return f.chip.Close() }

// Name implements disk.Medium.
func (f *NOR) Name() string { return f.path }

// SectorSize implements disk.Medium.
func (f *NOR) SectorSize() int { return 1 }

// Blank implements disk.Medium.
func (f *NOR) Blank() byte { return 0xff }

// Sync implements disk.Medium.
func (f *NOR) Sync() error { return f.chip.Sync() }

// ReadAt implements disk.Medium.
func (f *NOR) ReadAt(p []byte, offset int64) (int, error) { return f.chip.ReadAt(p, offset) }

// WriteAt implements disk.Medium.
func (f *NOR) WriteAt(p []byte, offset int64) (int, error) {
	for at := 0; at < len(p); {
		start := (offset + int64(at)) / f.erase * f.erase
		end := min(start+f.erase, offset+int64(len(p)))
		piece := p[at:][:end-offset-int64(at)]

		if err := f.writeInBlock(piece, offset+int64(at), start); err != nil {
			return at, err
		}

		at += len(piece)
	}

	return len(p), nil
}

// writeInBlock writes data that lies in the erase block at start.
func (f *NOR) writeInBlock(data []byte, offset, start int64) error {
	block := make([]byte, f.erase)

	if _, err := f.chip.ReadAt(block, start); err != nil {
		return err
	}

	old := block[offset-start:][:len(data)]
	if bytes.Equal(old, data) {
		return nil
	}

	if onlyClearsBits(old, data) {
		return f.program(old, data, offset)
	}

	if err := f.chip.Erase(start, f.erase); err != nil {
		return fmt.Errorf("erasing %d bytes at %d: %w", f.erase, start, err)
	}

	copy(old, data)

	return f.program(bytes.Repeat([]byte{0xff}, len(block)), block, start)
}

func onlyClearsBits(old, data []byte) bool {
	for i := range data {
		if old[i]&data[i] != data[i] {
			return false
		}
	}

	return true
}

// program writes data from the first to the last byte in which it differs from old.
func (f *NOR) program(old, data []byte, offset int64) error {
	first := 0
	for first < len(data) && old[first] == data[first] {
		first++
	}

	last := len(data)
	for last > first && old[last-1] == data[last-1] {
		last--
	}

	switch n, err := f.chip.WriteAt(data[first:last], offset+int64(first)); {
	case err != nil:
		return err
	case n < last-first:
		return disk.ErrShort
	}

	return nil
}

type mtd struct{ *os.File }

func (m mtd) Erase(offset, length int64) error {
	return ioctl(m.File, unix.MEMERASE, unsafe.Pointer(&unix.EraseInfo{Start: uint32(offset), Length: uint32(length)}))
}

// Sync implements chip: MTD writes through, and its character device has no fsync worth the name (mtdchar.c has none).
func (m mtd) Sync() error { return nil }

func ioctl(file *os.File, request uintptr, argument unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, file.Fd(), request, uintptr(argument))
	runtime.KeepAlive(file)

	if errno != 0 {
		return errno
	}

	return nil
}
