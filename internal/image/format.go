// SPDX-License-Identifier: MPL-2.0

// Package image reads disk images as people have them: raw, or compressed with zstd or xz, from a file or a stream.
package image

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"
)

// Format is the outer encoding of an image.
type Format string

// The encodings the imager writes.
const (
	Raw  Format = "raw"
	Zstd Format = "zstd"
	Xz   Format = "xz"
)

// MaxWindow is the largest zstd window and the largest xz dictionary, in bytes, that is decoded. What asks for more is
// refused, which bounds the memory a hostile file can claim. `zstd --ultra -22` needs 128 MiB, `xz -9` 64 MiB; the imager's
// `zstd -18` needs 8 MiB.
const MaxWindow = 128 << 20

var magics = []struct {
	format Format
	magic  string
}{
	{Zstd, "\x28\xb5\x2f\xfd"}, // RFC 8878, section 3.1.1
	{Xz, "\xfd7zXZ\x00"},       // The .xz File Format 1.2.1, section 2.1.1.1
}

// Detect tells the encoding by the first bytes of a file. What it does not know is raw.
func Detect(head []byte) Format {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.format
		}
	}

	// A skippable frame, 0x184d2a50 to 0x184d2a5f, in front of others (RFC 8878, section 3.1.2).
	if len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18" {
		return Zstd
	}

	return Raw
}

// ErrPacked says that an image is packed in a way that is not unpacked here.
var ErrPacked = errors.New("is not unpacked here")

// headSize is how much of a file tells what it is, in bytes: tar has its magic at 257.
const headSize = 512

// packed says in which way a file is packed, and how it is unpacked; nil for what is not known to be packed.
func packed(head []byte, name string) error {
	for _, p := range []struct {
		at                int
		magic, what, hint string
	}{
		{0, "\x1f\x8b", "gzip", "gunzip"},
		{0, "BZh", "bzip2", "bunzip2"},
		{0, "PK\x03\x04", "zip", "unzip"},
		{0, "7z\xbc\xaf\x27\x1c", "7z", "7z x"},
		{0, "\x04\x22\x4d\x18", "lz4", "unlz4"},
		{257, "ustar", "tar", "tar xf"},
	} {
		if len(head) >= p.at+len(p.magic) && string(head[p.at:p.at+len(p.magic)]) == p.magic {
			return fmt.Errorf("%s: %s %w: %s, and give what comes out", name, p.what, ErrPacked, p.hint)
		}
	}

	return nil
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

	head, err := buffered.Peek(headSize)
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
		d, err := xz.NewReader(buffered, MaxWindow)
		if err != nil {
			return nil, named{name: name + ": damaged xz stream"}.wrap(err)
		}

		s.named = named{d, name + ": damaged xz stream"}
	default:
		if err := packed(head, name); err != nil {
			return nil, err
		}

		s.named = named{buffered, name}
	}

	return s, nil
}

// Open decodes the file at path. The end of the context ends reading.
func Open(ctx context.Context, path string) (*Stream, error) {
	f, err := OpenFile(ctx, path)
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
	s.r = Stoppable(ctx, s.r)

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
	case err == nil, err == io.EOF: // io.Reader's contract is the bare value
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, xz.ErrBuf):
		err = ErrTruncated
	case errors.Is(err, xz.ErrMemlimit), errors.Is(err, zstd.ErrWindowSizeExceeded):
		err = fmt.Errorf("it asks for more than the %d MiB of memory that are given: %w", MaxWindow>>20, err)
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
