// SPDX-License-Identifier: MPL-2.0

// Package medium writes boot loaders to media so that a power cut at any instant leaves something that starts.
package medium

import (
	"errors"
	"io"

	"talos-nanopi-m6/internal/disk"
)

// readBlocks reads length bytes at offset, with whole sectors around them.
func readBlocks(m disk.Medium, offset int64, length int) ([]byte, error) {
	size := int64(m.SectorSize())
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

// Reader reads any bytes of a medium, whatever the size of its sectors.
func Reader(m disk.Medium) io.ReaderAt { return reader{m} }

type reader struct{ disk.Medium }

func (r reader) ReadAt(p []byte, offset int64) (int, error) {
	data, err := readBlocks(r.Medium, offset, len(p))

	return copy(p, data), err
}
