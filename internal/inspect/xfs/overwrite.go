// SPDX-License-Identifier: MPL-2.0

package xfs

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Overwrite replaces the content of a regular file, within the blocks it has, and sets its size. w writes to what the file
// system was opened on, which nothing has mounted.
func (f *FS) Overwrite(w io.WriterAt, path string, content []byte) error {
	i, err := f.lookup(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}

	if !i.isFile() || i.format != formatExtents {
		return fmt.Errorf("%s: %w: not a file with extents", path, ErrUnsupported)
	}

	rest, at := content, uint64(0)

	for _, e := range i.extents {
		if len(rest) == 0 {
			break
		}

		if e.start != at || e.unwritten {
			return fmt.Errorf("%s: %w: not in one piece", path, ErrUnsupported)
		}

		at += e.blocks

		disk, err := f.block(e.disk, e.blocks)
		if err != nil {
			return err
		}

		// A block's rest is zero, as a file's end is.
		b := make([]byte, int64(e.blocks)*f.blockSize)
		rest = rest[copy(b, rest):]

		if _, err := w.WriteAt(b, disk); err != nil {
			return err
		}
	}

	if len(rest) > 0 {
		return fmt.Errorf("%s: %d bytes, %d more than it has room for", path, len(content), len(rest))
	}

	return f.setSize(w, i.number, int64(len(content)))
}

// setSize writes an inode's size and its new checksum.
func (f *FS) setSize(w io.WriterAt, n uint64, size int64) error {
	off, err := f.block(n>>f.inodesPerBlockLog, 1)
	if err != nil {
		return err
	}

	off += int64(n&(1<<f.inodesPerBlockLog-1)) * f.inodeSize

	b, err := f.read(off, f.inodeSize)
	if err != nil {
		return err
	}

	be.PutUint64(b[56:], uint64(size))
	binary.LittleEndian.PutUint32(b[100:], crc(b, 100))

	_, err = w.WriteAt(b, off)

	return err
}
