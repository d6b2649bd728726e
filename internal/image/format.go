// SPDX-License-Identifier: MPL-2.0

// Package image reads disk images as people have them: raw, or compressed with zstd or xz, from a file or a stream.
package image

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Format is the outer encoding of an image.
type Format string

// The encodings the imager writes.
const (
	Raw  Format = "raw"
	Zstd Format = "zstd"
	Xz   Format = "xz"
)

// MaxWindow is the largest zstd window, in bytes, that is decoded. A frame that asks for more is refused, which bounds
// the memory a hostile file can claim. `zstd --ultra -22` needs 128 MiB; the imager's `-18` needs 8 MiB.
const MaxWindow = 128 << 20

var magics = []struct {
	format Format
	magic  []byte
}{
	{Zstd, []byte{0x28, 0xb5, 0x2f, 0xfd}},       // RFC 8878, section 3.1.1
	{Xz, []byte{0xfd, '7', 'z', 'X', 'Z', 0x00}}, // The .xz File Format 1.2.1, section 2.1.1.1
}

// Detect tells the encoding by the first bytes of a file. What it does not know is raw.
func Detect(head []byte) Format {
	for _, m := range magics {
		if bytes.HasPrefix(head, m.magic) {
			return m.format
		}
	}

	return Raw
}

// ErrTruncated says that a compressed stream stops before its end: most often a download that broke off.
var ErrTruncated = errors.New("the file ends early: download it again")

// Stream is the decoded content of an image, read once from start to end. WriteTo is the faster way: a decoder's blocks are
// written from where they were decoded.
type Stream struct {
	named

	// Format is how the source was encoded.
	Format Format

	closers []func() error
}

// Close frees the decoder and the file below it.
func (s *Stream) Close() error {
	var errs []error

	for _, c := range s.closers {
		errs = append(errs, c())
	}

	return errors.Join(errs...)
}

// Decode reads r, in whatever encoding its first bytes tell. Errors name name.
func Decode(r io.Reader, name string) (*Stream, error) {
	buffered := bufio.NewReaderSize(r, 1<<20)

	head, err := buffered.Peek(8)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}

	s := &Stream{Format: Detect(head)}

	switch s.Format {
	case Zstd:
		d, err := zstd.NewReader(buffered, zstd.WithDecoderMaxWindow(MaxWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}

		s.named = named{d, name + ": damaged zstd stream"}
		s.closers = append(s.closers, func() error { d.Close(); return nil })
	case Xz:
		d, err := xz.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("%s: damaged xz stream: %w", name, err)
		}

		s.named = named{d, name + ": damaged xz stream"}
	default:
		s.named = named{buffered, name}
	}

	return s, nil
}

// Open decodes the file at path.
func Open(path string) (*Stream, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}

	if st, err := f.Stat(); err == nil && st.IsDir() {
		return nil, errors.Join(&os.PathError{Op: "open image", Path: path, Err: syscall.EISDIR}, f.Close())
	}

	s, err := Decode(f, path)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}

	s.closers = append(s.closers, f.Close)

	return s, nil
}

// named says in every error whose bytes were being read.
type named struct {
	r    io.Reader
	name string
}

func (n named) Read(p []byte) (int, error) {
	c, err := n.r.Read(p)

	return c, n.wrap(err)
}

// copyBuffer is how much is copied at once from what does not write by itself, in bytes.
const copyBuffer = 1 << 20

// WriteTo writes everything to w. An error of w's own is returned as it is.
func (n named) WriteTo(w io.Writer) (int64, error) {
	s := &sink{w: w}

	c, err := io.CopyBuffer(s, n.r, make([]byte, copyBuffer))
	if s.err != nil {
		return c, s.err
	}

	return c, n.wrap(err)
}

func (n named) wrap(err error) error {
	switch {
	case err == nil, err == io.EOF: //nolint:errorlint // io.Reader's contract is the bare value
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = ErrTruncated
	}

	return fmt.Errorf("%s: %w", n.name, err)
}

// sink is a writer that remembers its error.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		s.err = err
	}

	return n, err
}
