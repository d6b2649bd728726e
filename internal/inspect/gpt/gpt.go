// SPDX-License-Identifier: MPL-2.0

// Package gpt reads partition tables (UEFI Specification 2.10, 5.3): both copies, and where they differ.
package gpt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/u-root/u-root/pkg/mount/gpt"
)

// Table is a disk's partition table. LBAs count the disk's sectors.
type Table struct {
	SectorSize int `json:"sectorSize"` // bytes
	// Primary and Backup are the two headers; nil where none can be read.
	Primary    *Header     `json:"primary,omitempty"`
	Backup     *Header     `json:"backup,omitempty"`
	DiskGUID   string      `json:"diskGUID,omitempty"`
	Partitions []Partition `json:"partitions,omitempty"`
	// Problems say what is wrong with the table: damage, and differences between the two copies.
	Problems []string `json:"problems,omitempty"`
	// Notes say what is unusual and does no harm.
	Notes []string `json:"notes,omitempty"`
	// Moved says that the backup is not at the disk's end, as on an image written to a larger disk by dd.
	Moved bool `json:"moved,omitempty"`
}

// Header is where a header says everything is. LBAs count sectors.
type Header struct {
	LBA         uint64 `json:"lba"`
	Alternate   uint64 `json:"alternate"`
	FirstUsable uint64 `json:"firstUsable"`
	LastUsable  uint64 `json:"lastUsable"`
	Entries     uint64 `json:"entries"`
	EntryCount  uint32 `json:"entryCount"`
}

// Partition is an entry of the table. LBAs count sectors, Offset and Size bytes.
type Partition struct {
	Number   int    `json:"number"`
	Name     string `json:"name"`
	Type     string `json:"type"`
	GUID     string `json:"guid"`
	FirstLBA uint64 `json:"firstLBA"`
	LastLBA  uint64 `json:"lastLBA"`
	Offset   int64  `json:"offset"`
	Size     int64  `json:"size"`
	// Aligned says that it starts at a multiple of 1 MiB.
	Aligned bool `json:"aligned"`
}

// Partition types Talos uses (UEFI Specification 2.10, table 5.7; GRUB's BIOS boot partition; Linux data).
const (
	TypeEFI   = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
	TypeBIOS  = "21686148-6449-6E6F-744E-656564454649"
	TypeLinux = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
)

// EntrySize is what a partition takes in the table, in bytes.
const EntrySize = 128

// ErrNone says that there is no partition table at all.
var ErrNone = errors.New("no partition table (GPT)")

// Read reads both copies of the table, with u-root's package, which checks each copy's sums.
func Read(r io.ReaderAt, size int64, sectorSize int) (*Table, error) {
	g := &Table{SectorSize: sectorSize}
	last := uint64(size/int64(sectorSize)) - 1

	if size < int64(sectorSize)*68 { // two headers with 32 sectors of entries each, an MBR, a sector of data
		return nil, fmt.Errorf("%w: %d bytes are too few for one", ErrNone, size)
	}

	primary, err := g.copyAt(r, size, 1, last)
	if err != nil {
		g.Problems = append(g.Problems, "primary table: "+err.Error())
	}

	backupLBA := last

	if primary != nil {
		g.Primary = primary.header
		backupLBA = primary.header.Alternate
	}

	backup, err := g.copyAt(r, size, backupLBA, last)
	if err != nil {
		g.Problems = append(g.Problems, "backup table: "+err.Error())
	}

	if backup != nil {
		g.Backup = backup.header
		g.Moved = backup.header.LBA != last
	}

	if primary == nil && backup == nil {
		return nil, fmt.Errorf("%w: %s", ErrNone, g.Problems)
	}

	g.compare(primary, backup)
	g.protective(r, last)

	table := primary
	if table == nil {
		table = backup
	}

	g.DiskGUID = table.guid
	g.Partitions = table.partitions

	slices.SortFunc(g.Partitions, func(a, b Partition) int { return int(a.Offset>>9) - int(b.Offset>>9) })

	return g, nil
}

// tableCopy is one of the two copies.
type tableCopy struct {
	header     *Header
	guid       string
	entries    []byte
	partitions []Partition
	table      *gpt.GPT
}

// copyAt reads the copy whose header is at an LBA. What the library would take for granted, it looks at first.
func (g *Table) copyAt(r io.ReaderAt, size int64, lba, last uint64) (*tableCopy, error) {
	sector := int64(g.SectorSize)

	if lba == 0 || lba > last {
		return nil, fmt.Errorf("its header is said to be at sector %d of %d", lba, last+1)
	}

	raw := make([]byte, sector)
	if _, err := r.ReadAt(raw, int64(lba)*sector); err != nil {
		return nil, fmt.Errorf("sector %d: %w", lba, err)
	}

	var h gpt.Header
	if _, err := binary.Decode(raw, binary.LittleEndian, &h); err != nil {
		return nil, err
	}

	if h.Signature != gpt.Signature {
		return nil, fmt.Errorf("no header at sector %d", lba)
	}

	// The UEFI Specification (5.3.2) keeps the rest of the sector zero; the sum does not cover it.
	if rest := bytes.Trim(raw[gpt.HeaderSize:], "\x00"); len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes behind the header at sector %d are not zero", len(rest), lba)
	}

	switch {
	case h.Revision != gpt.Revision || h.HeaderSize != gpt.HeaderSize:
		return nil, fmt.Errorf("header at sector %d of revision %#x with %d bytes", lba, h.Revision, h.HeaderSize)
	case h.NPart == 0 || h.NPart > gpt.MaxNPart || h.PartSize != EntrySize || h.PartStart < 2 || h.PartStart > last ||
		int64(h.PartStart)*sector+int64(h.NPart)*EntrySize > size:
		return nil, fmt.Errorf("%d entries of %d bytes at sector %d of %d", h.NPart, h.PartSize, h.PartStart, last+1)
	case h.CurrentLBA != lba:
		return nil, fmt.Errorf("header at sector %d says that it is at %d", lba, h.CurrentLBA)
	case h.LastLBA < h.FirstLBA || h.LastLBA > last || h.FirstLBA < lba && lba < h.LastLBA:
		return nil, fmt.Errorf("header at sector %d: usable sectors %d to %d of %d", lba, h.FirstLBA, h.LastLBA, last+1)
	}

	table, err := gpt.Table(view{r, int64(lba) * sector, int64(h.PartStart), sector}, gpt.BlockSize)
	if err != nil {
		return nil, fmt.Errorf("header or entries at sector %d: wrong checksum or value", lba)
	}

	c := &tableCopy{
		header: &Header{h.CurrentLBA, h.BackupLBA, h.FirstLBA, h.LastLBA, h.PartStart, h.NPart},
		guid:   strings.ToUpper(h.DiskGUID.String()),
		table:  table,
	}

	c.entries = make([]byte, int64(h.NPart)*EntrySize)
	if _, err := r.ReadAt(c.entries, int64(h.PartStart)*sector); err != nil {
		return nil, err
	}

	return c, c.list(g.SectorSize)
}

// list takes the partitions over.
func (c *tableCopy) list(sector int) error {
	outside := 0

	for n, p := range c.table.Parts {
		if p.PartGUID == (gpt.GUID{}) {
			continue
		}

		if p.LastLBA < p.FirstLBA || p.LastLBA > c.header.LastUsable || p.FirstLBA < c.header.FirstUsable {
			outside++

			continue
		}

		c.partitions = append(c.partitions, Partition{
			Number:   n + 1,
			Name:     name(p.Name),
			Type:     strings.ToUpper(p.PartGUID.String()),
			GUID:     strings.ToUpper(p.UniqueGUID.String()),
			FirstLBA: p.FirstLBA,
			LastLBA:  p.LastLBA,
			Offset:   int64(p.FirstLBA) * int64(sector),
			Size:     int64(p.LastLBA-p.FirstLBA+1) * int64(sector),
			Aligned:  int64(p.FirstLBA)*int64(sector)%(1<<20) == 0,
		})
	}

	if outside > 0 {
		return fmt.Errorf("%d of %d partitions lie outside the usable sectors %d to %d",
			outside, outside+len(c.partitions), c.header.FirstUsable, c.header.LastUsable)
	}

	return nil
}

// name decodes UTF-16, little-endian, which ends with a zero where it does not fill its field.
func name(b gpt.PartName) string {
	var units []uint16

	for at := 0; at < len(b); at += 2 {
		u := binary.LittleEndian.Uint16(b[at:])
		if u == 0 {
			break
		}

		units = append(units, u)
	}

	return string(utf16.Decode(units))
}

// compare notes where the copies differ.
func (g *Table) compare(primary, backup *tableCopy) {
	if primary == nil || backup == nil {
		return
	}

	p, b := primary.header, backup.header

	switch {
	case primary.guid != backup.guid:
		g.Problems = append(g.Problems, fmt.Sprintf("disk GUID: %s in the primary table, %s in the backup", primary.guid, backup.guid))
	case p.FirstUsable != b.FirstUsable || p.LastUsable != b.LastUsable || p.EntryCount != b.EntryCount:
		g.Problems = append(g.Problems, "usable sectors: primary and backup table differ")
	case b.Alternate != p.LBA || p.Alternate != b.LBA:
		g.Problems = append(g.Problems, fmt.Sprintf("backup table: its other copy is said to be at sector %d", b.Alternate))
	case !bytes.Equal(primary.entries, backup.entries):
		g.Problems = append(g.Problems, "partitions: primary and backup table differ")
	}
}

// protective notes what is wrong with the protective MBR (UEFI Specification 2.10, 5.2.3). Its first 440 bytes may hold
// boot code.
func (g *Table) protective(r io.ReaderAt, last uint64) {
	mbr := make([]byte, 512)
	if _, err := r.ReadAt(mbr, 0); err != nil {
		g.Problems = append(g.Problems, "protective MBR: "+err.Error())

		return
	}

	entry, rest := mbr[446:462], mbr[462:510]
	count := binary.LittleEndian.Uint32(entry[12:])

	// Tools disagree on the size where the table was made for another disk's.
	sizes := []uint64{last, 0xffffffff}
	if g.Primary != nil {
		sizes = append(sizes, g.Primary.Alternate)
	}

	switch {
	case mbr[510] != 0x55 || mbr[511] != 0xaa:
		g.Problems = append(g.Problems, "protective MBR: no signature")
	case entry[4] != 0xee || binary.LittleEndian.Uint32(entry[8:]) != 1 || !zero(rest) || entry[0]&0x7f != 0:
		g.Problems = append(g.Problems, "protective MBR: not one partition of type 0xee from sector 1")
	case entry[0] != 0:
		g.Notes = append(g.Notes, "protective MBR: marked as bootable, for a PC")
	case !bytes.Equal(entry[1:4], []byte{0, 2, 0}) || !bytes.Equal(entry[5:8], []byte{0xff, 0xff, 0xff}):
		g.Notes = append(g.Notes, "protective MBR: cylinders, heads and sectors not as Talos writes them")
	case !slices.Contains(sizes, uint64(count)):
		g.Problems = append(g.Problems, fmt.Sprintf("protective MBR: covers %d sectors of %d", count, last))
	case !zero(mbr[440:446]):
		g.Problems = append(g.Problems, "protective MBR: it has a disk signature")
	}
}

// view is one copy of a table as the library takes it: its header in the second sector of 512 bytes, its entries by sectors
// of 512 bytes.
type view struct {
	r io.ReaderAt
	// header is where the header is, in bytes; entries is where the entries are, in sectors of a size in bytes.
	header, entries, sector int64
}

func (v view) ReadAt(p []byte, off int64) (int, error) {
	if off < 2*gpt.BlockSize {
		return v.r.ReadAt(p, v.header+off-gpt.BlockSize)
	}

	return v.r.ReadAt(p, off+v.entries*(v.sector-gpt.BlockSize))
}

// zero says that there is nothing but zeros.
func zero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// Talos says whether partitions are Talos' own, and none besides. META is what only Talos has.
func Talos(parts []Partition) bool {
	own := []string{"EFI", "BIOS", "BOOT", "META", "STATE", "EPHEMERAL"}

	return slices.ContainsFunc(parts, func(p Partition) bool { return p.Name == "META" }) &&
		!slices.ContainsFunc(parts, func(p Partition) bool { return !slices.Contains(own, p.Name) })
}
