// SPDX-License-Identifier: MPL-2.0

package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// hole is the granularity, in bytes, at which zeros become holes: the block size of common file systems.
const hole = 4096

var zeros [hole]byte

// WriteSparse writes r to f from its start, leaves zeros out as holes and returns the decoded size in bytes. f must be
// empty: what is left out is not overwritten.
func WriteSparse(f *os.File, r io.Reader) (int64, error) {
	var (
		buf = make([]byte, 1<<20)
		off int64
	)

	for {
		n, err := io.ReadFull(r, buf)
		if err := writeData(f, buf[:n], off); err != nil {
			return off, err
		}

		off += int64(n)

		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
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

// writeData writes the runs of blocks in b that are not all zeros.
func writeData(f *os.File, b []byte, off int64) error {
	for start := 0; start < len(b); {
		end := start

		for end < len(b) && !isZero(b[end:min(end+hole, len(b))]) {
			end = min(end+hole, len(b))
		}

		if end > start {
			if _, err := f.WriteAt(b[start:end], off+int64(start)); err != nil {
				return err
			}
		}

		start = end + hole
	}

	return nil
}

func isZero(b []byte) bool {
	return bytes.Equal(b, zeros[:len(b)])
}
