// SPDX-License-Identifier: MPL-2.0

package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"sync"

	seekable "github.com/SaveTheRbtz/zstd-seekable-format-go/pkg"
	"github.com/klauspost/compress/zstd"
)

// FrameSize is how much of an image a frame of a seekable file holds, in bytes: what m6 flash writes at once.
const FrameSize = 4 << 20

// Limits of what is taken for a seekable file, in bytes. A file beyond them is decoded from its start to its end.
const (
	maxFrame = FrameSize
	// What a frame may be longer packed than unpacked; zstd's own bound is 1/256 (ZSTD_compressBound).
	maxOverhead  = 128 << 10
	maxSeekTable = 16 << 20
	// A frame of zeros takes a few hundred bytes.
	maxZeroFrame = 4 << 10
	// How many different ones are remembered: an image has one or two.
	maxZeroFrames = 64
)

// decoders is how many frames are decoded at once: on every core, in at most 128 MiB of memory, packed and unpacked.
func decoders() int { return min(runtime.GOMAXPROCS(0), 16) }

// frames is an image in zstd's seekable format: any zstd program decodes it, and who knows the format decodes each of its
// frames by itself, in any order. All of it may be called from several goroutines.
//
// Source: zstd_seekable_compression_format.md 0.1.1, in zstd's contrib/seekable_format.
type frames struct {
	file    seekable.ReaderEnvironment
	name    string
	table   seekable.SeekTable
	reader  *seekable.Reader
	decoder *zstd.Decoder

	mu sync.Mutex
	// zero are compressed frames that decoded to nothing but zeros. What has the same bytes decodes to the same.
	zero map[string]bool
}

// openFrames reads the table of a seekable file of size bytes. What has none, or one that does not account for all of the
// file, gives nil: it may still be an image that is decoded from its start.
func openFrames(file io.ReaderAt, size int64, name string) (*frames, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderMaxWindow(MaxWindow), zstd.WithDecoderMaxMemory(4*maxFrame), zstd.WithDecoderConcurrency(decoders()))
	if err != nil {
		return nil, err
	}

	f := &frames{file: frameFile{file, size}, name: name, decoder: decoder, zero: map[string]bool{}}

	f.reader, err = seekable.NewReader(nil, decoder, seekable.WithReaderEnvironment(f.file))
	if err == nil {
		f.table, err = f.reader.SeekTable()
	}

	if err != nil || !f.accountsFor(size) {
		decoder.Close()

		return nil, nil // most files are none
	}

	if f.size() > MaxDecoded {
		decoder.Close()

		return nil, fmt.Errorf("%s: %w: %d bytes", name, ErrTooLarge, f.size())
	}

	return f, nil
}

// accountsFor says whether the frames of the table, and the table behind them, are all of the file.
func (f *frames) accountsFor(size int64) bool {
	end := int64(0)

	for i := range f.table.NumFrames() {
		e, _ := f.table.EntryByID(i)
		if e.DecompressedSize == 0 || e.DecompressedSize > maxFrame || e.CompressedSize > e.DecompressedSize+maxOverhead {
			return false
		}

		end = int64(e.CompressedOffset) + int64(e.CompressedSize)
	}

	perFrame := int64(8)
	if f.table.HasChecksums() {
		perFrame = 12
	}

	// A skippable frame's header, and the table's own end.
	return f.table.NumFrames() > 0 && end+8+perFrame*f.table.NumFrames()+9 == size
}

// size of the image, in bytes.
func (f *frames) size() int64 { return int64(min(f.table.Size(), math.MaxInt64)) }

// Close frees the decoder; the file stays open.
func (f *frames) Close() error {
	f.decoder.Close()

	return nil
}

// ReadAt reads the image. Whole frames are decoded where they are wanted.
func (f *frames) ReadAt(p []byte, off int64) (int, error) {
	n := 0

	for n < len(p) {
		e, ok := f.table.EntryByDecompressedOffset(uint64(off) + uint64(n))
		if off < 0 || !ok {
			return n, io.EOF
		}

		if int64(e.DecompressedOffset) != off+int64(n) || int(e.DecompressedSize) > len(p)-n {
			m, err := f.reader.ReadAt(p[n:], off+int64(n))
			if err != nil && !errors.Is(err, io.EOF) {
				err = f.damaged(err)
			}

			return n + m, err
		}

		if err := f.decode(e, p[n:][:e.DecompressedSize]); err != nil {
			return n, err
		}

		n += int(e.DecompressedSize)
	}

	return n, nil
}

// decode decodes a frame into b, which is as long as the table says it is.
func (f *frames) decode(e seekable.FrameOffsetEntry, b []byte) error {
	packed, err := f.file.GetFrameByIndex(e)
	if err != nil {
		return f.damaged(err)
	}

	out, err := f.decoder.DecodeAll(packed, b[:0:len(b)])
	if err == nil && len(out) != len(b) {
		err = fmt.Errorf("the frame at byte %d decodes to %d bytes, its table says %d", e.CompressedOffset, len(out), len(b))
	}

	if err != nil {
		return f.damaged(err)
	}

	if &out[0] != &b[0] { // a decoder may use memory of its own
		copy(b, out)
	}

	return nil
}

func (f *frames) damaged(err error) error {
	return fmt.Errorf("%s: damaged zstd file: %w", f.name, err)
}

// nextData is the first place at or behind at whose frame is not known to be zeros, or the size of the image.
func (f *frames) nextData(at int64) (int64, error) {
	for {
		e, ok := f.table.EntryByDecompressedOffset(uint64(at))
		if !ok {
			return f.size(), nil
		}

		zero, err := f.isZero(e)
		if err != nil || !zero {
			return at, err
		}

		at = int64(e.DecompressedOffset) + int64(e.DecompressedSize)
	}
}

// end is where the frame that holds a byte of the image ends.
func (f *frames) end(at int64) int64 {
	e, ok := f.table.EntryByDecompressedOffset(uint64(at))
	if !ok {
		return f.size()
	}

	return int64(e.DecompressedOffset) + int64(e.DecompressedSize)
}

// isZero says whether a frame holds nothing but zeros. A frame of zeros is small, and has the bytes of the one before it.
func (f *frames) isZero(e seekable.FrameOffsetEntry) (bool, error) {
	if e.CompressedSize > maxZeroFrame {
		return false, nil
	}

	packed, err := f.file.GetFrameByIndex(e)
	if err != nil {
		return false, f.damaged(err)
	}

	f.mu.Lock()
	defer f.mu.Unlock()

	key := fmt.Sprint(e.DecompressedSize, " ", string(packed))

	if f.zero[key] {
		return true, nil
	}

	b := make([]byte, e.DecompressedSize)
	if err := f.decode(e, b); err != nil {
		return false, err
	}

	zero := allZero(b)
	if zero && len(f.zero) < maxZeroFrames {
		f.zero[key] = true
	}

	return zero, nil
}

func allZero(b []byte) bool {
	for len(b) > hole {
		if !isZero(b[:hole]) {
			return false
		}

		b = b[hole:]
	}

	return isZero(b)
}

// frameFile reads a seekable file for the library, which takes the table's length from the file.
type frameFile struct {
	file io.ReaderAt
	size int64
}

var errNotSeekable = errors.New("no seek table")

func (f frameFile) GetFrameByIndex(e seekable.FrameOffsetEntry) ([]byte, error) {
	b := make([]byte, e.CompressedSize)
	if n, err := f.file.ReadAt(b, int64(e.CompressedOffset)); n < len(b) {
		return nil, err
	}

	return b, nil
}

func (f frameFile) ReadFooter() ([]byte, error) { return f.tail(9) }

func (f frameFile) ReadSkipFrame(length int64) ([]byte, error) { return f.tail(length) }

// tail reads the last bytes of the file.
func (f frameFile) tail(length int64) ([]byte, error) {
	if length > min(f.size, maxSeekTable) {
		return nil, errNotSeekable
	}

	b := make([]byte, length)
	if n, err := f.file.ReadAt(b, f.size-length); n < len(b) {
		return nil, err
	}

	return b, nil
}

// WriteFrames compresses an image into a seekable file. The same image gives the same file, on any number of cores.
func WriteFrames(w io.Writer, image io.Reader) error {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderCRC(true), zstd.WithWindowSize(FrameSize))
	if err != nil {
		return err
	}

	out, err := seekable.NewWriter(w, encoder)
	if err != nil {
		return errors.Join(err, encoder.Close())
	}

	next := func() ([]byte, error) {
		b := make([]byte, FrameSize)

		n, err := io.ReadFull(image, b)
		if errors.Is(err, io.EOF) {
			return nil, nil
		}

		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil
		}

		return b[:n], err
	}

	return errors.Join(out.WriteMany(context.Background(), next), out.Close(), encoder.Close())
}
