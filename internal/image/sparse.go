// SPDX-License-Identifier: MPL-2.0

package image

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
)

// hole is the granularity, in bytes, at which zeros become holes: the block size of common file systems.
const hole = 4096

var zeros [hole]byte

// WriteSparse writes r to f from its start, leaves zeros out as holes and returns the decoded size in bytes. f must be
// empty: what is left out is not overwritten.
func WriteSparse(f *os.File, r io.Reader) (int64, error) {
	return writeSparse(f, r, math.MaxInt64, math.MaxInt64)
}

// writeSparse is WriteSparse with limits on the bytes read and the bytes written.
func writeSparse(f *os.File, r io.Reader, maxRead, maxWritten int64) (int64, error) {
	var (
		buf          = make([]byte, 1<<20)
		off, written int64
	)

	for {
		n, err := io.ReadFull(r, buf)

		data, werr := writeData(f, buf[:n], off)
		if werr != nil {
			return off, fmt.Errorf("temporary copy in %s: %w", filepath.Dir(f.Name()), werr)
		}

		off += int64(n)
		written += data

		switch {
		case off > maxRead:
			return off, fmt.Errorf("%w: %d bytes", ErrTooLarge, maxRead)
		case written > maxWritten:
			return off, fmt.Errorf("%w: %d bytes that are not zero", ErrTooLarge, maxWritten)
		case err == io.EOF, err == io.ErrUnexpectedEOF: //nolint:errorlint // ReadFull's bare values; a decoder's own are wrapped
			// A tail of zeros is only there once the file is that long.
			if err := f.Truncate(off); err != nil {
				return off, fmt.Errorf("%s: %w", f.Name(), err)
			}

			return off, nil
		case err != nil:
			return off, err
		}
	}
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
