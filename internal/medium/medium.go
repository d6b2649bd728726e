// SPDX-License-Identifier: MPL-2.0

// Package medium writes boot loaders to media so that a power cut at any instant leaves something that starts.
package medium

import (
	"errors"
	"io"
)

// Medium is what a boot loader is written to: a disk, an image file, a flash chip.
type Medium interface {
	// ReadAt reads what the medium holds, not what a cache above it holds. Offset and length are multiples of BlockSize.
	io.ReaderAt
	// WriteAt writes at offset (in bytes). Offset and length are multiples of BlockSize. What it wrote may reach the
	// medium late and in any order, until Sync returns.
	io.WriterAt
	// Sync returns when all that was written is on the medium.
	Sync() error
	// BlockSize is the smallest unit of reading and writing, in bytes.
	BlockSize() int
	// Blank is the byte that can be turned into any other without changing bytes around it: 0xff on flash chips, which
	// can only clear bits.
	Blank() byte
	// Name is what messages call it.
	Name() string
}

// readBlocks reads length bytes at offset, with whole blocks around them.
func readBlocks(m Medium, offset int64, length int) ([]byte, error) {
	size := int64(m.BlockSize())
	start := offset / size * size
	end := (offset + int64(length) + size - 1) / size * size

	data := make([]byte, end-start)

	n, err := m.ReadAt(data, start)
	if n < len(data) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}

		return nil, err
	}

	return data[offset-start:][:length], nil
}

// Reader reads any bytes of a medium, whatever its block size.
func Reader(m Medium) io.ReaderAt { return reader{m} }

type reader struct{ Medium }

func (r reader) ReadAt(p []byte, offset int64) (int, error) {
	data, err := readBlocks(r.Medium, offset, len(p))

	return copy(p, data), err
}
