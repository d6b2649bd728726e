// SPDX-License-Identifier: MPL-2.0

package gpt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf16"

	"github.com/google/uuid"
	"github.com/u-root/u-root/pkg/mount/gpt"
)

// ErrNoRoom says that a medium has no room for a partition that is to be added.
var ErrNoRoom = errors.New("no room")

// Piece is a part of a table that is to be written at an offset in bytes.
type Piece struct {
	Offset int64
	Data   []byte
}

// Primary gives the partitions of the first copy, on a disk of size bytes in sectors of 512.
func Primary(r io.ReaderAt, size int64) ([]Partition, error) {
	c, err := primary(r, size)
	if err != nil {
		return nil, err
	}

	return c.partitions, nil
}

func primary(r io.ReaderAt, size int64) (*tableCopy, error) {
	if size < 68*gpt.BlockSize {
		return nil, fmt.Errorf("%w: %d bytes are too few for one", ErrNone, size)
	}

	return (&Table{SectorSize: gpt.BlockSize}).copyAt(r, size, 1, uint64(size/gpt.BlockSize)-1)
}

// Addition is a Linux partition that is added behind the last one, at a multiple of 1 MiB.
type Addition struct {
	Name string
	// Size is in bytes.
	Size int64
}

// ForMedium makes an image's table that of a medium of size bytes: its backup at the medium's end, where entries are left as
// they are, and one partition more, if add is not nil, whose place in bytes it gives.
func ForMedium(image io.ReaderAt, size int64, add *Addition) (pieces []Piece, at int64, err error) {
	c, err := primary(image, size)
	if err != nil {
		return nil, 0, err
	}

	var mbr gpt.MBR
	if _, err := image.ReadAt(mbr[:], 0); err != nil {
		return nil, 0, err
	}

	last := uint64(size/gpt.BlockSize) - 1
	sectors := (uint64(c.table.NPart)*EntrySize + gpt.BlockSize - 1) / gpt.BlockSize

	first := *c.table
	first.BackupLBA, first.LastLBA = last, last-sectors-1

	if add != nil {
		if at, err = addPartition(&first, add); err != nil {
			return nil, 0, err
		}
	}

	backup := first
	backup.CurrentLBA, backup.BackupLBA, backup.PartStart = last, first.CurrentLBA, last-sectors

	protect(&mbr, last)

	w := &pieceWriter{}
	err = gpt.Write(w, &gpt.PartitionTable{MasterBootRecord: &mbr, Primary: &first, Backup: &backup})

	return w.pieces, at, err
}

// alignment is 1 MiB in sectors.
const alignment = 1 << 20 / gpt.BlockSize

func addPartition(g *gpt.GPT, add *Addition) (int64, error) {
	number, start := 0, g.FirstLBA

	for n, p := range g.Parts {
		if p.PartGUID != (gpt.GUID{}) {
			number, start = n+1, max(start, p.LastLBA+1)
		}
	}

	start = (start + alignment - 1) / alignment * alignment
	end := start + uint64(add.Size/gpt.BlockSize) - 1

	if end > g.LastLBA {
		return 0, fmt.Errorf("%w for a partition %s of %d bytes", ErrNoRoom, add.Name, add.Size)
	}

	if number >= len(g.Parts) {
		return 0, fmt.Errorf("%w for another partition: the table has %d entries", ErrNoRoom, len(g.Parts))
	}

	p := gpt.Part{PartGUID: guid(uuid.MustParse(TypeLinux)), UniqueGUID: guid(uuid.New()), FirstLBA: start, LastLBA: end}
	for k, u := range utf16.Encode([]rune(add.Name)) {
		binary.LittleEndian.PutUint16(p.Name[2*k:], u)
	}

	g.Parts = slices.Clone(g.Parts)
	g.Parts[number] = p

	return int64(start) * gpt.BlockSize, nil
}

// guid is a UUID as a table has it: the first three parts are little-endian there.
func guid(u uuid.UUID) gpt.GUID {
	be := binary.BigEndian

	return gpt.GUID{L: be.Uint32(u[:]), W1: be.Uint16(u[4:]), W2: be.Uint16(u[6:]), B: [8]byte(u[8:])}
}

// protect writes the protective MBR's one partition (UEFI Specification 2.10, 5.2.3); boot code before it stays.
func protect(mbr *gpt.MBR, last uint64) {
	entry := mbr[446:]
	copy(entry, []byte{0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff})
	binary.LittleEndian.PutUint32(entry[8:], 1)
	binary.LittleEndian.PutUint32(entry[12:], uint32(min(last, math.MaxUint32)))
	copy(mbr[510:], "\x55\xaa")
}

// pieceWriter remembers what is written.
type pieceWriter struct{ pieces []Piece }

func (w *pieceWriter) WriteAt(p []byte, off int64) (int, error) {
	w.pieces = append(w.pieces, Piece{off, slices.Clone(p)})

	return len(p), nil
}
