// SPDX-License-Identifier: MPL-2.0

package xfs

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"
)

// The ways an inode holds its data, enum xfs_dinode_fmt.
const (
	formatLocal   = 1
	formatExtents = 2
	formatBtree   = 3
)

// coreSize is where an inode's data fork starts, in bytes.
const coreSize = 176

// Flags of an inode (xfs_format.h): it may share blocks with another one, and its extent counter has 64 bits.
const (
	flag2Reflink = 1 << 1
	flag2Nrext64 = 1 << 4
)

// maxExtents is how many extents of one file are read. A 100 MB initramfs has one or a few.
const maxExtents = 1 << 16

// extent is a run of a file's blocks.
type extent struct {
	start, blocks uint64 // in the file
	disk          uint64 // file system block, see FS.block
	unwritten     bool
}

// inode is a file's metadata.
type inode struct {
	number  uint64
	mode    uint16
	size    int64 // bytes
	blocks  uint64
	shared  bool // may share blocks with another inode
	format  byte
	local   []byte
	extents []extent
}

const (
	modeType = 0o170000
	modeDir  = 0o040000
	modeFile = 0o100000
)

func (i *inode) isDir() bool  { return i.mode&modeType == modeDir }
func (i *inode) isFile() bool { return i.mode&modeType == modeFile }

// inodeAt reads inode number n and the map of its data.
func (f *FS) inodeAt(n uint64) (*inode, error) {
	what := fmt.Sprintf("inode %d", n)

	off, err := f.block(n>>f.inodesPerBlockLog, 1)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}

	off += int64(n&(1<<f.inodesPerBlockLog-1)) * f.inodeSize

	b, err := f.read(off, f.inodeSize)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}

	if string(b[:2]) != "IN" || b[4] != 3 {
		return nil, fmt.Errorf("%w: %s: magic %q, version %d", ErrDamaged, what, b[:2], b[4])
	}

	if err := sum(b, 100, what); err != nil {
		return nil, err
	}

	if got := be.Uint64(b[152:]); got != n || [16]byte(b[160:176]) != f.metaUUID {
		return nil, fmt.Errorf("%w: %s: it says it is inode %d of another place", ErrDamaged, what, got)
	}

	i := &inode{
		number: n,
		mode:   be.Uint16(b[2:]),
		format: b[5],
		size:   int64(be.Uint64(b[56:])),
		blocks: be.Uint64(b[64:]),
	}

	if i.size < 0 || i.blocks > f.blocks {
		return nil, fmt.Errorf("%w: %s: %d bytes in %d blocks", ErrDamaged, what, i.size, i.blocks)
	}

	flags := be.Uint64(b[120:])
	i.shared = flags&flag2Reflink != 0

	count := uint64(be.Uint32(b[76:]))
	if flags&flag2Nrext64 != 0 {
		count = be.Uint64(b[24:])
	}

	fork := b[coreSize:]
	if off := int64(b[82]) * 8; off != 0 {
		if off > int64(len(fork)) {
			return nil, fmt.Errorf("%w: %s: attributes at %d", ErrDamaged, what, off)
		}

		fork = fork[:off]
	}

	if err := f.dataFork(i, fork, count); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}

	return i, nil
}

func (f *FS) dataFork(i *inode, fork []byte, count uint64) error {
	if !i.isDir() && !i.isFile() {
		return nil // links and devices are listed, not followed
	}

	switch i.format {
	case formatLocal:
		if i.size > int64(len(fork)) {
			return fmt.Errorf("%w: %d bytes in the inode, which holds %d", ErrDamaged, i.size, len(fork))
		}

		i.local = fork[:i.size]

		return nil
	case formatExtents:
		if count > uint64(len(fork)/16) {
			return fmt.Errorf("%w: %d extents in the inode, which holds %d", ErrDamaged, count, len(fork)/16)
		}

		i.extents = parseExtents(fork, int(count))
	case formatBtree:
		if err := f.extentTree(i, fork, count); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%w: data format %d", ErrDamaged, i.format)
	}

	var end uint64

	for _, e := range i.extents {
		if e.start < end || e.blocks == 0 {
			return fmt.Errorf("%w: extents out of order", ErrDamaged)
		}

		end = e.start + e.blocks

		if _, err := f.block(e.disk, e.blocks); err != nil {
			return err
		}
	}

	return nil
}

// parseExtents unpacks records of 128 bits: unwritten flag (1), start in the file (54), disk block (52), count (21).
func parseExtents(b []byte, n int) []extent {
	list := make([]extent, n)

	for k := range list {
		l0, l1 := be.Uint64(b[k*16:]), be.Uint64(b[k*16+8:])
		list[k] = extent{
			unwritten: l0>>63 != 0,
			start:     l0 >> 9 & (1<<54 - 1),
			disk:      (l0&0x1ff)<<43 | l1>>21,
			blocks:    l1 & (1<<21 - 1),
		}
	}

	return list
}

// treeHeader is the size of a long-form B+tree block's header, in bytes; treeSum where its checksum is.
const (
	treeHeader = 72
	treeSum    = 64
)

// extentTree reads the map of a file whose extents do not fit into the inode.
func (f *FS) extentTree(i *inode, root []byte, count uint64) error {
	if count > maxExtents {
		return fmt.Errorf("%w: a file in %d pieces", ErrUnsupported, count)
	}

	if len(root) < 4 {
		return fmt.Errorf("%w: no room for a tree", ErrDamaged)
	}

	level, n, room := be.Uint16(root), int(be.Uint16(root[2:])), (len(root)-4)/16
	if level == 0 || level > 8 || n == 0 || n > room {
		return fmt.Errorf("%w: extent tree of level %d with %d entries", ErrDamaged, level, n)
	}

	pointers := root[4+room*8:]

	for k := range n {
		if err := f.extentBlock(i, be.Uint64(pointers[k*8:]), level-1, count); err != nil {
			return err
		}
	}

	if uint64(len(i.extents)) != count {
		return fmt.Errorf("%w: %d extents, the inode counts %d", ErrDamaged, len(i.extents), count)
	}

	return nil
}

func (f *FS) extentBlock(i *inode, fsb uint64, level uint16, count uint64) error {
	off, err := f.block(fsb, 1)
	if err != nil {
		return err
	}

	b, err := f.read(off, f.blockSize)
	if err != nil {
		return err
	}

	if string(b[:4]) != "BMA3" || be.Uint16(b[4:]) != level {
		return fmt.Errorf("%w: extent block %d: magic %q, level %d", ErrDamaged, fsb, b[:4], be.Uint16(b[4:]))
	}

	if err := sum(b, treeSum, fmt.Sprintf("extent block %d", fsb)); err != nil {
		return err
	}

	n, room := int(be.Uint16(b[6:])), (len(b)-treeHeader)/16
	if n == 0 || n > room {
		return fmt.Errorf("%w: extent block %d: %d entries", ErrDamaged, fsb, n)
	}

	if level == 0 {
		if i.extents = append(i.extents, parseExtents(b[treeHeader:], n)...); uint64(len(i.extents)) > count {
			return fmt.Errorf("%w: more extents than the %d the inode counts", ErrDamaged, count)
		}

		return nil
	}

	// Every leaf adds an extent or fails, so a loop in the tree ends at count.
	for k := range n {
		if err := f.extentBlock(i, be.Uint64(b[treeHeader+room*8+k*8:]), level-1, count); err != nil {
			return err
		}
	}

	return nil
}

// readAt reads a file's or directory's data. What no extent maps, or one that was never written, is zero.
func (f *FS) readAt(i *inode, p []byte, off int64) error {
	if i.format == formatLocal {
		copy(p, i.local[min(off, int64(len(i.local))):])

		return nil
	}

	clear(p)

	// The first extent that ends past off.
	k, _ := slices.BinarySearchFunc(i.extents, uint64(off/f.blockSize), func(e extent, b uint64) int {
		return cmp.Compare(e.start+e.blocks, b+1)
	})

	for _, e := range i.extents[k:] {
		from := int64(e.start) * f.blockSize
		if from >= off+int64(len(p)) {
			return nil
		}

		if e.unwritten {
			continue
		}

		disk, err := f.block(e.disk, e.blocks)
		if err != nil {
			return err
		}

		// The part of [off, off+len(p)) in this extent.
		low := max(from, off)
		high := min(from+int64(e.blocks)*f.blockSize, off+int64(len(p)))

		if low >= high {
			continue
		}

		if _, err := f.r.ReadAt(p[low-off:high-off], disk+low-from); err != nil {
			return eof(err)
		}
	}

	return nil
}

// file is an open regular file.
type file struct {
	fs   *FS
	i    *inode
	name string
	off  int64
}

func (o *file) Stat() (fs.FileInfo, error) { return info{o.name, o.i}, nil }
func (o *file) Close() error               { return nil }

func (o *file) Read(p []byte) (int, error) {
	n, err := o.ReadAt(p, o.off)
	o.off += int64(n)

	if n > 0 {
		err = nil
	}

	return n, err
}

func (o *file) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, &fs.PathError{Op: "read", Path: o.name, Err: fs.ErrInvalid}
	}

	n := max(0, min(int64(len(p)), o.i.size-off))
	if n > 0 {
		if err := o.fs.readAt(o.i, p[:n], off); err != nil {
			return 0, &fs.PathError{Op: "read", Path: o.name, Err: err}
		}
	}

	if n < int64(len(p)) {
		return int(n), io.EOF
	}

	return int(n), nil
}

type info struct {
	name string
	i    *inode
}

func (s info) Name() string       { return s.name }
func (s info) Size() int64        { return s.i.size }
func (s info) IsDir() bool        { return s.i.isDir() }
func (s info) ModTime() time.Time { return time.Time{} } // not read: nothing here depends on it
func (s info) Sys() any           { return nil }

func (s info) Mode() fs.FileMode {
	m := fs.FileMode(s.i.mode & 0o777)

	switch {
	case s.i.isDir():
		m |= fs.ModeDir
	case !s.i.isFile():
		m |= fs.ModeIrregular
	}

	return m
}
