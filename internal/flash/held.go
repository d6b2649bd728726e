// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"bytes"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/rockchip"
)

// The places where something looks for a start, as rockchip.MMC and the GUID partition table have them. They are wiped
// before anything is written, held back while it is, written last, and wiped again after a failure.

// mbrAndHeader are the protective MBR and the partition table's first header; tableSize is a header with its entries, in
// bytes.
const (
	mbrAndHeader = 2 * sector
	tableSize    = 33 * sector
	sector       = 512
)

// idblocks are where the mask ROM looks.
func idblocks() []extent { return looked(rockchip.MMC.IDBlocks()) }

// fits are where SPL looks.
func fits() []extent { return looked(rockchip.MMC.FITs()) }

func looked(places []int64) []extent {
	var list []extent
	for _, at := range places {
		list = append(list, extent{at, at + disk.PageSize})
	}

	return list
}

// tables are where firmware and kernels look for a partition table on a medium of size bytes.
func tables(size int64) []extent {
	return []extent{{0, sector + tableSize}, {size - tableSize, size}}
}

// held are the parts of an image that stand at such places.
type held []heldPart

type heldPart struct {
	extent

	data []byte
	// table says that it belongs to a partition table, which is written anew for the medium.
	table bool
}

// newHeld holds back what an image with its backup table's end at a place, in bytes, has there; 0 for one without a table.
func newHeld(end int64) held {
	var h held

	for _, e := range append(idblocks(), fits()...) {
		h = append(h, heldPart{e, make([]byte, e.size()), false})
	}

	tables := []extent{{0, mbrAndHeader}}
	if end > 0 {
		tables = append(tables, extent{end - tableSize, end})
	}

	for _, e := range tables {
		h = append(h, heldPart{e, make([]byte, e.size()), true})
	}

	return h
}

// take moves held parts out of a piece of the image, and leaves zeros.
func (h held) take(b []byte, at int64) {
	h.each(b, at, func(mine, theirs []byte) {
		copy(mine, theirs)
		clear(theirs)
	})
}

// put sets held parts into a piece of the image.
func (h held) put(b []byte, at int64) {
	h.each(b, at, func(mine, theirs []byte) { copy(theirs, mine) })
}

func (h held) each(b []byte, at int64, f func(mine, theirs []byte)) {
	for _, p := range h {
		low, high := max(p.start, at), min(p.end, at+int64(len(b)))
		if low < high {
			f(p.data[low-p.start:high-p.start], b[low-at:high-at])
		}
	}
}

// spl writes what was held back where SPL looks, and what only happens to stand at such a place. Without an idblock and a
// partition table nothing starts it.
func (j *job) spl() error {
	return j.restore(func(p heldPart) bool { return !bytes.HasPrefix(p.data, []byte(rockchip.Magic)) })
}

// finish writes the idblocks' headers, the one the mask ROM takes before its copies: with the first of them the medium is
// bootable.
func (j *job) finish() error {
	return j.restore(func(p heldPart) bool { return bytes.HasPrefix(p.data, []byte(rockchip.Magic)) })
}

func (j *job) restore(which func(heldPart) bool) error {
	var pieces []disk.Piece

	for _, p := range j.held {
		if !p.table && !isZero(p.data) && which(p) {
			pieces = append(pieces, p.piece())
		}
	}

	return disk.Commit(j.dev, pieces...)
}

func (p heldPart) piece() disk.Piece { return disk.Piece{Offset: p.start, Data: p.data} }
