// SPDX-License-Identifier: MPL-2.0

package image

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// hole is the granularity, in bytes, at which zeros become holes: the block size of common file systems.
const hole = 4096

var zeros [hole]byte

// WriteSparse writes r to f from its start, leaves zeros out as holes and returns the decoded size in bytes. f must be
// empty: what is left out is not overwritten.
func WriteSparse(f *os.File, r io.Reader) (int64, error) {
	return writeSparse(f, r, MaxDecoded, MaxData)
}

// writeSparse is WriteSparse with limits on the bytes read and the bytes written.
func writeSparse(f *os.File, r io.Reader, maxRead, maxWritten int64) (int64, error) {
	s := &sparse{f: f, maxRead: maxRead, maxWritten: maxWritten}

	if _, err := io.CopyBuffer(s, r, make([]byte, copyBuffer)); err != nil {
		return s.off, err
	}

	// A tail of zeros is only there once the file is that long.
	if err := f.Truncate(s.off); err != nil {
		return s.off, fmt.Errorf("%s: %w", f.Name(), err)
	}

	return s.off, nil
}

// sparse writes to an empty file what is not zero.
type sparse struct {
	f                   *os.File
	off, written        int64
	maxRead, maxWritten int64
}

func (s *sparse) Write(p []byte) (int, error) {
	data, err := writeData(s.f, p, s.off)
	if err != nil {
		return 0, fmt.Errorf("temporary copy in %s: %w", filepath.Dir(s.f.Name()), err)
	}

	s.off += int64(len(p))
	s.written += data

	switch {
	case s.off > s.maxRead:
		return len(p), fmt.Errorf("%w: %d bytes", ErrTooLarge, s.maxRead)
	case s.written > s.maxWritten:
		return len(p), fmt.Errorf("%w: %d bytes that are not zero", ErrTooLarge, s.maxWritten)
	}

	return len(p), nil
}

// writeData writes the runs of blocks in b that are not all zeros, and counts their bytes.
func writeData(f *os.File, b []byte, off int64) (int64, error) {
	var written int64

	for start := 0; start < len(b); {
		end := start

		for end < len(b) && !isZero(b[end:min(end+hole, len(b))]) {
			end = min(end+hole, len(b))
		}

		if end > start {
			n, err := f.WriteAt(b[start:end], off+int64(start))
			written += int64(n)

			if err != nil {
				return written, err
			}
		}

		start = end + hole
	}

	return written, nil
}

func isZero(b []byte) bool {
	return bytes.Equal(b, zeros[:len(b)])
}
