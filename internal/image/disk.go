// SPDX-License-Identifier: MPL-2.0

package image

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Limits on what a compressed image may decode to, in bytes. The first bounds its length, holes included; the second
// the space it takes in the temporary directory.
const (
	MaxDecoded = 128 << 30
	MaxData    = 8 << 30
)

// ErrTooLarge says that a compressed image decodes to more than the limits.
var ErrTooLarge = errors.New("the image decodes to more than is accepted")

// Disk is an image or a block device that is read at any place.
type Disk struct {
	io.ReaderAt

	// Path is what was opened.
	Path string
	// Format is how it is encoded.
	Format Format
	// FileSize is the size of the file, Size that of the disk in it, in bytes.
	FileSize, Size int64
	// SectorSize is a block device's logical sector size, and 512 for a file, in bytes.
	SectorSize int
	// Device says that it is a block device.
	Device bool

	tee     io.Writer
	closers []func() error
}

// Close frees what OpenDisk took.
func (d *Disk) Close() error {
	var errs []error
	for _, c := range d.closers {
		errs = append(errs, c())
	}

	return errors.Join(errs...)
}

// Option changes how a disk is opened.
type Option func(*Disk)

// Tee writes a compressed image's file to w while it is decoded, from a goroutine of its own. Raw images and devices are not
// decoded, and nothing is written.
func Tee(w io.Writer) Option { return func(d *Disk) { d.tee = w } }

// OpenDisk opens a raw image, a compressed one or a block device for reading at any place. A compressed one is decoded
// into an unnamed file in the temporary directory (TMPDIR), which takes as much space as it has data that is not zero.
func OpenDisk(path string, options ...Option) (*Disk, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}

	d, err := newDisk(f, path, options)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}

	return d, nil
}

func newDisk(f *os.File, path string, options []Option) (*Disk, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}

	d := &Disk{Path: path, SectorSize: 512}
	for _, o := range options {
		o(d)
	}

	switch mode := st.Mode(); {
	case mode.IsDir():
		return nil, &os.PathError{Op: "open image", Path: path, Err: syscall.EISDIR}
	case mode.IsRegular():
		d.FileSize = st.Size()
	case mode.Type() == os.ModeDevice:
		d.Device = true

		if d.FileSize, err = f.Seek(0, io.SeekEnd); err != nil {
			return nil, fmt.Errorf("%s: size: %w", path, err)
		}

		if d.SectorSize, err = unix.IoctlGetInt(int(f.Fd()), unix.BLKSSZGET); err != nil {
			return nil, fmt.Errorf("%s: sector size: %w", path, err)
		}
	default:
		return nil, fmt.Errorf("%s: neither a file nor a block device (%s)", path, mode.Type())
	}

	if d.FileSize == 0 {
		return nil, fmt.Errorf("%s: empty", path)
	}

	head := make([]byte, min(8, d.FileSize))
	if _, err := f.ReadAt(head, 0); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}

	d.Format = Detect(head)

	if d.Format == Raw || d.Device { // a device with a compressed image on it holds no disk
		d.Format = Raw
		d.ReaderAt, d.Size = f, d.FileSize
		d.closers = append(d.closers, f.Close)

		return d, nil
	}

	return d, d.spool(f, path)
}

// spool decodes f into a file without a name.
func (d *Disk) spool(f *os.File, path string) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}

	file := newTee(f, d.tee)
	defer file.Close()

	s, err := Decode(file, path)
	if err != nil {
		return err
	}

	t, err := Temp()
	if err != nil {
		return errors.Join(err, s.Close())
	}

	d.Size, err = writeSparse(t, s, MaxDecoded, MaxData)
	if err == nil { // what a decoder leaves unread behind its last frame belongs to the file
		_, err = io.Copy(io.Discard, file)
	}

	if err == nil && d.Size == 0 {
		err = fmt.Errorf("%s: it decodes to nothing", path)
	}

	if err := errors.Join(err, s.Close()); err != nil {
		return errors.Join(err, t.Close())
	}

	d.ReaderAt = t
	d.closers = append(d.closers, t.Close, f.Close)

	return nil
}

// Temp is a file in the temporary directory that has no name, and so is gone with the process.
func Temp() (*os.File, error) {
	f, err := os.CreateTemp("", "m6-")
	if err != nil {
		return nil, err
	}

	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}

	return f, nil
}
