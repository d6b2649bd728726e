// SPDX-License-Identifier: MPL-2.0

// Package xfs reads XFS file systems of version 5, the only version mkfs.xfs still makes, from outside the kernel. Talos
// keeps kernel, initramfs and GRUB's configuration on one.
//
// It exists because the readers to be had (github.com/masahiro331/go-xfs-filesystem) do not know 64-bit extent counters,
// which mkfs.xfs sets by default, and check no checksum; here every metadata block is checked before it is believed.
//
// Source of the layout: "XFS Algorithms & Data Structures" (xfs-documentation, 3rd edition) and Linux 6.12,
// fs/xfs/libxfs/xfs_format.h and xfs_da_format.h. Numbers on disk are big-endian, checksums little-endian CRC-32C.
package xfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync/atomic"
)

// Errors that say how a file system fails; the error around one names values.
var (
	ErrNotXFS      = errors.New("not an XFS file system")
	ErrUnsupported = errors.New("XFS feature that is not read here")
	ErrDamaged     = errors.New("XFS file system is damaged")
)

var (
	be         = binary.BigEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// Features that change how something read here lies on the disk, from xfs_format.h. What is not among the known
// incompatible ones is refused, as the kernel does.
const (
	incompatFtype      = 1 << 0
	incompatSpinodes   = 1 << 1
	incompatMetaUUID   = 1 << 2
	incompatBigtime    = 1 << 3
	incompatNeedRepair = 1 << 4
	incompatNrext64    = 1 << 5
	incompatExchrange  = 1 << 6
	incompatParent     = 1 << 7

	incompatKnown = incompatFtype | incompatSpinodes | incompatMetaUUID | incompatBigtime | incompatNrext64 |
		incompatExchrange | incompatParent
)

// FS is a file system.
type FS struct {
	r io.ReaderAt

	blockSize, sectorSize, inodeSize int64 // bytes
	dirBlockSize                     int64 // bytes
	agBlocks, agCount, blocks        uint64
	agBlockLog, inodesPerBlockLog    uint
	root                             uint64
	label                            string
	uuid                             [16]byte
	metaUUID                         [16]byte

	// spent is how many bytes of metadata were read, named how many directory entries.
	spent, named atomic.Int64
	incompat     uint32
}

// Open reads the super block of the file system that fills r's first size bytes.
func Open(r io.ReaderAt, size int64) (*FS, error) {
	head := make([]byte, 512)
	if _, err := r.ReadAt(head, 0); err != nil {
		return nil, fmt.Errorf("super block: %w", eof(err))
	}

	if string(head[:4]) != "XFSB" {
		return nil, fmt.Errorf("%w: magic %q", ErrNotXFS, head[:4])
	}

	if v := be.Uint16(head[100:]) & 0xf; v != 5 {
		return nil, fmt.Errorf("%w: version %d, want 5", ErrUnsupported, v)
	}

	f := &FS{
		r:                 r,
		blockSize:         int64(be.Uint32(head[4:])),
		blocks:            be.Uint64(head[8:]),
		root:              be.Uint64(head[56:]),
		agBlocks:          uint64(be.Uint32(head[84:])),
		agCount:           uint64(be.Uint32(head[88:])),
		sectorSize:        int64(be.Uint16(head[102:])),
		inodeSize:         int64(be.Uint16(head[104:])),
		inodesPerBlockLog: uint(head[123]),
		agBlockLog:        uint(head[124]),
		label:             cString(head[108:120]),
		uuid:              [16]byte(head[32:48]),
	}

	if err := f.geometry(head, size); err != nil {
		return nil, err
	}

	if err := f.checkSuper(0); err != nil {
		return nil, err
	}

	incompat := be.Uint32(head[216:])
	f.incompat = incompat

	f.metaUUID = f.uuid
	if incompat&incompatMetaUUID != 0 {
		f.metaUUID = [16]byte(head[248:264])
	}

	switch {
	case incompat&incompatNeedRepair != 0:
		return nil, fmt.Errorf("%w: it is marked as in need of repair: run xfs_repair", ErrDamaged)
	case incompat&^incompatKnown != 0:
		return nil, fmt.Errorf("%w: incompatible features %#x", ErrUnsupported, incompat&^incompatKnown)
	case incompat&incompatFtype == 0:
		return nil, fmt.Errorf("%w: directories without file types", ErrUnsupported)
	}

	return f, nil
}

// NewerThanGRUB names the features for which GRUB 2.12 and older refuse the file system. mkfs.xfs' configuration
// lts_6.18.conf, which the imager of Talos 1.13 and later asks for, turns them on.
// Source: grub-core/fs/xfs.c, XFS_SB_FEAT_INCOMPAT_SUPPORTED.
func (f *FS) NewerThanGRUB() []string {
	var names []string

	if f.incompat&incompatExchrange != 0 {
		names = append(names, "exchange-range")
	}

	if f.incompat&incompatParent != 0 {
		names = append(names, "parent pointers")
	}

	return names
}

// geometry refuses sizes the kernel refuses (xfs_validate_sb_common), so that later arithmetic holds.
func (f *FS) geometry(head []byte, size int64) error {
	power := func(n, low, high int64) bool { return n >= low && n <= high && n&(n-1) == 0 }
	dirLog := uint(head[192])

	switch {
	case !power(f.blockSize, 512, 65536), f.blockSize != 1<<head[120]:
		return fmt.Errorf("%w: block size %d", ErrDamaged, f.blockSize)
	case !power(f.sectorSize, 512, 32768), f.sectorSize > f.blockSize:
		return fmt.Errorf("%w: sector size %d", ErrDamaged, f.sectorSize)
	case !power(f.inodeSize, 512, 2048), f.inodeSize > f.blockSize, f.blockSize/f.inodeSize != 1<<f.inodesPerBlockLog:
		return fmt.Errorf("%w: inode size %d", ErrDamaged, f.inodeSize)
	case dirLog > 7, f.blockSize<<dirLog > 65536:
		return fmt.Errorf("%w: directory blocks of 2^%d blocks", ErrDamaged, dirLog)
	case f.agBlocks == 0, f.agBlockLog > 31, f.agBlocks > 1<<f.agBlockLog, f.agBlocks*2 <= 1<<f.agBlockLog && f.agBlockLog > 0:
		return fmt.Errorf("%w: allocation groups of %d blocks", ErrDamaged, f.agBlocks)
	case f.agCount == 0, f.blocks > f.agBlocks*f.agCount, f.blocks <= f.agBlocks*(f.agCount-1):
		return fmt.Errorf("%w: %d blocks in %d allocation groups of %d", ErrDamaged, f.blocks, f.agCount, f.agBlocks)
	case f.blocks > uint64(size)/uint64(f.blockSize):
		return fmt.Errorf("%w: %d blocks of %d bytes on %d bytes", ErrDamaged, f.blocks, f.blockSize, size)
	}

	f.dirBlockSize = f.blockSize << dirLog

	return nil
}

// Label is the volume's name.
func (f *FS) Label() string { return f.label }

// Size is in bytes.
func (f *FS) Size() int64 { return int64(f.blocks) * f.blockSize }

// trust makes sum believe everything, for tests that damage what the sums protect.
var trust bool

// sum checks the CRC-32C of b, which stands at offset at and counts as zero.
func sum(b []byte, at int, what string) error {
	got, want := crc(b, at), binary.LittleEndian.Uint32(b[at:])
	if got != want && !trust {
		return fmt.Errorf("%w: %s: checksum %08x, want %08x", ErrDamaged, what, got, want)
	}

	return nil
}

func crc(b []byte, at int) uint32 {
	c := crc32.Update(0, castagnoli, b[:at])
	c = crc32.Update(c, castagnoli, []byte{0, 0, 0, 0})

	return crc32.Update(c, castagnoli, b[at+4:])
}

// read reads n bytes at byte offset off.
func (f *FS) read(off, n int64) ([]byte, error) {
	if err := f.spend(n, 0); err != nil {
		return nil, err
	}

	b := make([]byte, n)
	if _, err := f.r.ReadAt(b, off); err != nil {
		return nil, eof(err)
	}

	return b, nil
}

// Budgets of all that is read of one file system's metadata: bytes, and names. BOOT has a MiB, and a few names; what is read
// over and over, because many things lead to it, counts every time.
var (
	maxMetadata int64 = 256 << 20
	maxNames    int64 = 100_000
)

func (f *FS) spend(bytes, names int64) error {
	if f.spent.Add(bytes) > maxMetadata || f.named.Add(names) > maxNames {
		return fmt.Errorf("%w: more than %d bytes of metadata, or than %d names", ErrUnsupported, maxMetadata, maxNames)
	}

	return nil
}

// block turns a block number as inodes hold it (allocation group and block within it) into a byte offset; n blocks
// must lie in that group.
func (f *FS) block(fsb, n uint64) (int64, error) {
	ag, in := fsb>>f.agBlockLog, fsb&(1<<f.agBlockLog-1)

	if ag >= f.agCount || in+n > f.agLength(ag) {
		return 0, fmt.Errorf("%w: %d blocks at %d of allocation group %d", ErrDamaged, n, in, ag)
	}

	return int64(ag*f.agBlocks+in) * f.blockSize, nil
}

// agLength is the number of blocks in a group; the last one may be shorter.
func (f *FS) agLength(ag uint64) uint64 {
	return min(f.agBlocks, f.blocks-ag*f.agBlocks)
}

func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}

	return string(b)
}

// eof makes an end of file inside a structure an error.
func eof(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}

	return err
}
