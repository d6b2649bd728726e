// SPDX-License-Identifier: MPL-2.0

package medium

import (
	"fmt"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/rockchip"
)

// LoaderParts lists what a loader is on a medium, with a second idblock and a second FIT where there is
// room, in an order in which Update keeps the board startable throughout:
//
//  1. the copies that the board would not start now,
//  2. the idblock that it would start now: the mask ROM goes on to the other one meanwhile, which is new,
//  3. the FIT that it would start now: SPL, which is new, goes on to the other one meanwhile, which is new too.
//
// Between 2 and 3 a new SPL starts the old FIT. The other order would have the old SPL refuse a torn FIT, and whether an
// old SPL knows of a second one cannot be told.
func LoaderParts(m disk.Medium, loader *rockchip.Loader) ([]Part, error) {
	layout := loader.Layout

	size := m.Size()

	if end := layout.FIT + int64(len(loader.FIT)); end > size {
		return nil, fmt.Errorf("%s: has %d bytes, the boot loader ends at byte %d", m.Name(), size, end)
	}

	old := oldSizes(m, layout)
	idBackup, hasIDBackup := layout.BackupIDBlock(max(old.idblock, int64(len(loader.IDBlock))), max(old.fit, int64(len(loader.FIT))))
	hasIDBackup = hasIDBackup && idBackup+int64(len(loader.IDBlock)) <= size
	hasFITBackup := layout.BackupFIT+int64(len(loader.FIT)) <= size

	idblocks := []Part{{Name: "idblock", Offset: layout.IDBlock, Data: loader.IDBlock}}
	fits := []Part{{Name: "FIT", Offset: layout.FIT, Data: loader.FIT}}

	if hasIDBackup {
		idblocks = append(idblocks, Part{Name: "second idblock", Offset: idBackup, Data: loader.IDBlock})
	}

	if hasFITBackup {
		fits = append(fits, Part{Name: "second FIT", Offset: layout.BackupFIT, Data: loader.FIT})
	}

	// Where nothing starts now, no order is better than another.
	active := &rockchip.Found{IDBlockAt: layout.IDBlock, FITAt: layout.FIT}
	if found, err := rockchip.Search(Reader(m), layout); err == nil {
		active = found
	}

	var spare, used []Part

	for _, part := range append(idblocks, fits...) {
		if part.Offset == active.IDBlockAt || part.Offset == active.FITAt {
			used = append(used, part)
		} else {
			spare = append(spare, part)
		}
	}

	return append(spare, used...), nil
}

type sizes struct{ idblock, fit int64 }

// oldSizes are those of what is at the first places now: the second places must be clear of them, too, until they are
// replaced. Zero where there is nothing whole.
func oldSizes(m disk.Medium, layout rockchip.Layout) sizes {
	var s sizes

	header := make([]byte, rockchip.HeaderSize)

	if _, err := Reader(m).ReadAt(header, layout.IDBlock); err == nil {
		if block, err := rockchip.ParseIDBlock(header); err == nil {
			s.idblock = block.End()
		}
	}

	if fit, err := rockchip.ReadFIT(Reader(m), layout.FIT); err == nil {
		s.fit = fit.Size
	}

	return s
}
