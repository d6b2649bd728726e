// SPDX-License-Identifier: MPL-2.0

package disk

import (
	"bytes"
	"io"
)

// remains looks at a disk whose start says nothing: RAID members of some versions, and a partition table whose first copy is
// gone, are known by the disk's end only. size is in bytes.
func remains(f io.ReaderAt, size int64) ([]string, bool) {
	const (
		ends   = 1 << 20
		pieces = 256
		piece  = 4096
	)

	blank := true

	look := func(at, n int64) []byte {
		b := make([]byte, max(0, min(n, size-at)))
		if _, err := f.ReadAt(b, at); err != nil {
			blank = false

			return nil
		}

		// Zeros, or ones as new flash may have.
		blank = blank && (len(bytes.Trim(b, "\x00")) == 0 || len(bytes.Trim(b, "\xff")) == 0)

		return b
	}

	look(0, ends)

	end := look(max(0, size-ends), ends)

	for n := range int64(pieces) {
		look(size/pieces*n&^(piece-1), piece)
	}

	switch {
	case blank:
		return nil, true
	case len(end) > 512 && string(end[len(end)-512:][:8]) == "EFI PART":
		return []string{"a partition table whose first copy is gone"}, false
	case bytes.Contains(end[max(0, len(end)-(128<<10)):], []byte{0xfc, 0x4e, 0x2b, 0xa9}): // md_p.h, MD_SB_MAGIC
		return []string{"a member of a RAID"}, false
	default:
		return []string{"data of a kind that is not known"}, false
	}
}
