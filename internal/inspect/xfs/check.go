// SPDX-License-Identifier: MPL-2.0

package xfs

import (
	"cmp"
	"fmt"
	"slices"
)

// Limits on what Check visits: files, runs of blocks they hold, and blocks of one tree. BOOT has a few files and one block a
// tree.
const (
	maxFiles      = 100_000
	maxClaims     = 1 << 20
	maxTreeBlocks = 1 << 16
	// maxFree is how many runs of free blocks are listed.
	maxFree = 1 << 20
)

// Check reads all metadata that leads to files and free space, and fails where a checksum is wrong, two things claim the
// same block or a pointer leaves the file system. It is not xfs_repair: it does not recount free space.
func (f *FS) Check() error {
	for ag := range f.agCount {
		if err := f.checkGroup(ag, nil); err != nil {
			return fmt.Errorf("allocation group %d: %w", ag, err)
		}
	}

	return f.checkFiles()
}

// Range is a part of the file system, in bytes from its start.
type Range struct{ Start, End int64 }

// Free lists what the file system does not use, by its own free space trees.
func (f *FS) Free() ([]Range, error) {
	var list []Range

	for ag := range f.agCount {
		err := f.checkGroup(ag, func(leaf []byte) error {
			for ; len(leaf) >= 8; leaf = leaf[8:] { // xfs_alloc_rec: start and count of blocks
				start, n := uint64(be.Uint32(leaf)), uint64(be.Uint32(leaf[4:]))
				if start+n > f.agLength(ag) {
					return fmt.Errorf("%w: %d free blocks at %d", ErrDamaged, n, start)
				}

				at := int64(ag*f.agBlocks+start) * f.blockSize
				list = append(list, Range{at, at + int64(n)*f.blockSize})

				if len(list) > maxFree {
					return fmt.Errorf("%w: free space in more than %d pieces", ErrUnsupported, maxFree)
				}
			}

			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("allocation group %d: %w", ag, err)
		}
	}

	return list, nil
}

// checkSuper checks a group's copy of the super block.
func (f *FS) checkSuper(ag uint64) error {
	b, err := f.read(int64(ag*f.agBlocks)*f.blockSize, f.sectorSize)
	if err != nil {
		return err
	}

	if string(b[:4]) != "XFSB" {
		return fmt.Errorf("%w: super block magic %q", ErrDamaged, b[:4])
	}

	if err := sum(b, 224, "super block"); err != nil {
		return err
	}

	// Counters in the copies lag, and mkfs.xfs tells only some of them the root's number; geometry is the same in all.
	if be.Uint64(b[8:]) != f.blocks || uint64(be.Uint32(b[84:])) != f.agBlocks ||
		uint64(be.Uint32(b[88:])) != f.agCount || [16]byte(b[32:48]) != f.uuid {
		return fmt.Errorf("%w: super block differs from the first one", ErrDamaged)
	}

	return nil
}

// groupTree is a B+tree of an allocation group: sizes in bytes of its records and its keys.
type groupTree struct {
	name, magic  string
	record, key  int
	root, levels int // where the group's header has them
}

// From xfs_format.h: struct xfs_agf and xfs_agi for where the roots are, xfs_alloc_rec, xfs_inobt_rec, xfs_rmap_rec and
// xfs_refcount_rec for sizes. A reverse-mapping key is the lowest and the highest of what is below it.
const freeByBlock = "free space by block"

var (
	freeTrees = []groupTree{
		{freeByBlock, "AB3B", 8, 8, 16, 28},
		{"free space by size", "AB3C", 8, 8, 20, 32},
		{"reverse mapping", "RMB3", 24, 40, 24, 36},
		{"reference count", "R3FC", 12, 4, 88, 92},
	}
	inodeTrees = []groupTree{
		{"inodes", "IAB3", 16, 4, 20, 24},
		{"free inodes", "FIB3", 16, 4, 328, 332},
	}
)

// checkGroup checks a group's headers and trees; free, if not nil, gets the leaves of the free space tree.
func (f *FS) checkGroup(ag uint64, free func(leaf []byte) error) error {
	if err := f.checkSuper(ag); err != nil {
		return err
	}

	start := int64(ag*f.agBlocks) * f.blockSize

	for k, h := range []struct {
		magic string
		sum   int
		trees []groupTree
	}{
		{"XAGF", 216, freeTrees},
		{"XAGI", 312, inodeTrees},
		{"XAFL", 32, nil},
	} {
		b, err := f.read(start+int64(k+1)*f.sectorSize, f.sectorSize)
		if err != nil {
			return err
		}

		if string(b[:4]) != h.magic {
			return fmt.Errorf("%w: magic %q, want %s", ErrDamaged, b[:4], h.magic)
		}

		if err := sum(b, h.sum, h.magic); err != nil {
			return err
		}

		if h.trees == nil {
			continue
		}

		if no, n := uint64(be.Uint32(b[8:])), uint64(be.Uint32(b[12:])); no != ag || n != f.agLength(ag) {
			return fmt.Errorf("%w: %s is of group %d with %d blocks", ErrDamaged, h.magic, no, n)
		}

		for _, t := range h.trees {
			root, levels := be.Uint32(b[t.root:]), be.Uint32(b[t.levels:])
			if levels == 0 { // a tree this file system does not have
				continue
			}

			if levels > 16 {
				return fmt.Errorf("%w: tree of %s has %d levels", ErrDamaged, t.name, levels)
			}

			walk := treeWalk{budget: int(min(f.agLength(ag), maxTreeBlocks))}
			if t.name == freeByBlock {
				walk.leaf = free
			}

			if err := f.checkTree(ag, t, uint64(root), int(levels)-1, &walk); err != nil {
				return fmt.Errorf("tree of %s: %w", t.name, err)
			}
		}
	}

	return nil
}

// shortHeader is the size of a short-form B+tree block's header, in bytes; shortSum where its checksum is.
const (
	shortHeader = 56
	shortSum    = 52
)

// treeWalk is a way through a tree: how many blocks may still be visited, since a tree cannot have more than its group,
// and who gets the records of each leaf.
type treeWalk struct {
	budget int
	leaf   func(records []byte) error
}

// checkTree checks the block and what is below it.
func (f *FS) checkTree(ag uint64, t groupTree, at uint64, level int, walk *treeWalk) error {
	if walk.budget--; walk.budget < 0 {
		return fmt.Errorf("%w: it has more blocks than its group, or than are read", ErrDamaged)
	}

	if at >= f.agLength(ag) {
		return fmt.Errorf("%w: block %d of a group of %d", ErrDamaged, at, f.agLength(ag))
	}

	b, err := f.read(int64(ag*f.agBlocks+at)*f.blockSize, f.blockSize)
	if err != nil {
		return err
	}

	if string(b[:4]) != t.magic || int(be.Uint16(b[4:])) != level {
		return fmt.Errorf("%w: block %d: magic %q, level %d", ErrDamaged, at, b[:4], be.Uint16(b[4:]))
	}

	if err := sum(b, shortSum, fmt.Sprintf("block %d", at)); err != nil {
		return err
	}

	n, size := int(be.Uint16(b[6:])), t.record
	if level > 0 {
		size = t.key + 4
	}

	room := (len(b) - shortHeader) / size
	if n > room {
		return fmt.Errorf("%w: block %d: %d entries", ErrDamaged, at, n)
	}

	if level == 0 {
		if walk.leaf == nil {
			return nil
		}

		return walk.leaf(b[shortHeader:][:n*size])
	}

	pointers := b[shortHeader+room*t.key:]
	for k := range n {
		if err := f.checkTree(ag, t, uint64(be.Uint32(pointers[k*4:])), level-1, walk); err != nil {
			return err
		}
	}

	return nil
}

// claim is a run of blocks that a file holds.
type claim struct {
	disk, blocks, inode uint64
	shared              bool
}

// checkFiles visits every file from the root on.
func (f *FS) checkFiles() error {
	var (
		claims []claim
		links  = map[uint64]int{f.root: 1}
		queue  = []uint64{f.root}
		dirs   []uint64
	)

	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]

		i, err := f.inodeAt(n)
		if err != nil {
			return err
		}

		claims = append(claims, i.claims(i.extents)...)

		if len(claims) > maxClaims {
			return fmt.Errorf("%w: files in more than %d pieces", ErrUnsupported, maxClaims)
		}

		if !i.isDir() {
			continue
		}

		dirs = append(dirs, n)

		list, err := f.entries(i)
		if err != nil {
			return err
		}

		for _, e := range list {
			if links[e.inode]++; links[e.inode] > 1 {
				continue
			}

			if len(links) > maxFiles {
				return fmt.Errorf("%w: more than %d files", ErrUnsupported, maxFiles)
			}

			queue = append(queue, e.inode)
		}
	}

	// A directory in two places could be within itself.
	for _, n := range dirs {
		if links[n] > 1 {
			return fmt.Errorf("%w: directory inode %d is in more than one directory", ErrDamaged, n)
		}
	}

	return disjoint(claims)
}

// claims are the blocks that an inode holds. Only files share theirs.
func (i *inode) claims(extents []extent) []claim {
	var list []claim
	for _, e := range extents {
		list = append(list, claim{e.disk, e.blocks, i.number, i.shared && i.isFile()})
	}

	return list
}

// disjoint checks that no block is held twice, but by files that may share it.
func disjoint(claims []claim) error {
	slices.SortFunc(claims, func(a, b claim) int { return cmp.Compare(a.disk, b.disk) })

	for k := 1; k < len(claims); k++ {
		if a, b := claims[k-1], claims[k]; a.disk+a.blocks > b.disk && !(a.shared && b.shared) {
			return fmt.Errorf("%w: inodes %d and %d both hold block %d", ErrDamaged, a.inode, b.inode, b.disk)
		}
	}

	return nil
}
