// SPDX-License-Identifier: MPL-2.0

package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"golang.org/x/sync/errgroup"

	"talos-nanopi-m6/internal/disk"
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
	frames  *frames // of a seekable file that is read in place
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
// The end of the context ends that.
func OpenDisk(ctx context.Context, path string, options ...Option) (*Disk, error) {
	d, f, err := openDisk(path)
	if err != nil {
		return nil, err
	}

	for _, o := range options {
		o(d)
	}

	if d.ReaderAt == nil {
		if err := d.spool(ctx, f); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}

	return d, nil
}

// OpenInPlace is OpenDisk without a temporary file. It gives nil for a compressed image that can only be decoded from its
// start to its end.
func OpenInPlace(path string) (*Disk, error) {
	d, _, err := openDisk(path)
	if err != nil {
		return nil, err
	}

	if d.ReaderAt == nil && d.frames == nil {
		return nil, d.Close()
	}

	if d.frames != nil {
		d.ReaderAt, d.Size = d.frames, d.frames.size()
	}

	return d, nil
}

func openDisk(path string) (*Disk, *os.File, error) {
	if disk.IsDevice(path) {
		d, err := openDevice(path)

		return d, nil, err
	}

	// A pipe would be waited for.
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() && !st.IsDir() {
		return nil, nil, fmt.Errorf("%s: neither a file nor a block device (%s)", path, st.Mode().Type())
	}

	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}

	d, err := newDisk(f, path)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}

	return d, f, nil
}

// openDevice opens a block device. One with a compressed image on it holds no disk.
func openDevice(path string) (*Disk, error) {
	f, err := disk.Read(path)
	if err != nil {
		return nil, err
	}

	d := &Disk{
		ReaderAt: f, Path: path, Format: Raw, FileSize: f.Size(), Size: f.Size(), SectorSize: f.SectorSize(), Device: true,
		closers: []func() error{f.Close},
	}

	if d.Size == 0 {
		return nil, errors.Join(fmt.Errorf("%s: empty", path), d.Close())
	}

	return d, nil
}

// newDisk opens what needs no decoding, and looks for a seek table in what does.
func newDisk(f *os.File, path string) (*Disk, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}

	d := &Disk{Path: path, SectorSize: 512, closers: []func() error{f.Close}}

	switch mode := st.Mode(); {
	case mode.IsDir():
		return nil, &os.PathError{Op: "open image", Path: path, Err: syscall.EISDIR}
	case mode.IsRegular():
		d.FileSize = st.Size()
	default:
		return nil, fmt.Errorf("%s: neither a file nor a block device (%s)", path, mode.Type())
	}

	if d.FileSize == 0 {
		return nil, fmt.Errorf("%s: empty", path)
	}

	head := make([]byte, min(headSize, d.FileSize))
	if _, err := f.ReadAt(head, 0); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}

	d.Format = Detect(head)

	if err := packed(head, path); err != nil && d.Format == Raw {
		return nil, err
	}

	if d.Format == Raw {
		d.ReaderAt, d.Size = f, d.FileSize
	}

	if d.Format == Zstd {
		if d.frames, err = openFrames(f, d.FileSize, path); err != nil {
			return nil, err
		}

		if d.frames != nil {
			d.closers = append(d.closers, d.frames.Close)
		}
	}

	return d, nil
}

// spool decodes f into a file without a name.
func (d *Disk) spool(ctx context.Context, f *os.File) error {
	t, err := Temp()
	if err != nil {
		return err
	}

	d.closers = append(d.closers, t.Close)

	if d.frames != nil {
		err = d.spoolFrames(ctx, f, t)
		d.frames = nil
	} else {
		err = d.spoolStream(ctx, f, t)
	}

	d.ReaderAt = t

	return err
}

func (d *Disk) spoolStream(ctx context.Context, f, t *os.File) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("%s: %w", d.Path, err)
	}

	file := newTee(f, d.tee)
	defer file.Close()

	s, err := Decode(file, d.Path)
	if err != nil {
		return err
	}

	d.Size, err = writeSparse(t, Stoppable(ctx, s), MaxDecoded, MaxData)
	if err == nil { // what a decoder leaves unread behind its last frame belongs to the file
		_, err = io.Copy(io.Discard, Stoppable(ctx, file))
	}

	if err == nil && d.Size == 0 {
		err = fmt.Errorf("%s: it decodes to nothing", d.Path)
	}

	return errors.Join(err, s.Close())
}

// spoolFrames decodes on every core.
func (d *Disk) spoolFrames(ctx context.Context, f, t *os.File) error {
	d.Size = d.frames.size()
	if err := t.Truncate(d.Size); err != nil {
		return fmt.Errorf("temporary copy in %s: %w", filepath.Dir(t.Name()), err)
	}

	var (
		work   errgroup.Group
		places = make(chan int64)
		data   atomic.Int64
		failed atomic.Bool
	)

	if d.tee != nil {
		work.Go(func() error {
			_, err := io.CopyBuffer(struct{ io.Writer }{d.tee}, io.NewSectionReader(f, 0, d.FileSize), make([]byte, copyBuffer))

			return err
		})
	}

	for range decoders() {
		work.Go(func() (err error) {
			b := make([]byte, maxFrame)

			for at := range places {
				if failed.Load() {
					continue
				}

				if err = d.spoolFrame(t, b, at, &data); err != nil {
					failed.Store(true)
				}
			}

			return err
		})
	}

	var err error
	for at := int64(0); err == nil && !failed.Load(); {
		if ctx.Err() != nil {
			err = context.Cause(ctx)

			break
		}

		if at, err = d.frames.nextData(at); err != nil || at >= d.Size {
			break
		}

		places <- at

		at = d.frames.end(at)
	}

	close(places)

	return errors.Join(err, work.Wait())
}

func (d *Disk) spoolFrame(t *os.File, b []byte, at int64, data *atomic.Int64) error {
	b = b[:d.frames.end(at)-at]
	if _, err := d.frames.ReadAt(b, at); err != nil {
		return err
	}

	n, err := writeData(t, b, at)
	if err != nil {
		return fmt.Errorf("temporary copy in %s: %w", filepath.Dir(t.Name()), err)
	}

	if data.Add(n) > MaxData {
		return fmt.Errorf("%s: %w: %d bytes that are not zero", d.Path, ErrTooLarge, MaxData)
	}

	return nil
}

// NextData is the first place at or behind at, in bytes, that is not known to be zero, or the disk's size: the end of a
// hole in a sparse file, or of frames of zeros.
func (d *Disk) NextData(at int64) (int64, error) {
	if at >= d.Size {
		return d.Size, nil
	}

	if d.frames != nil {
		return d.frames.nextData(at)
	}

	f, ok := d.ReaderAt.(*os.File)
	if !ok || d.Device {
		return at, nil
	}

	return nextData(f, at, d.Size), nil
}
