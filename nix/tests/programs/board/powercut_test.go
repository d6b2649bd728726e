// SPDX-License-Identifier: MPL-2.0

//go:build qemu

package board_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/u-root/u-root/pkg/dt"

	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/medium"
	"talos-nanopi-m6/internal/rockchip"
)

// The models that the trees of the two loaders have, by which U-Boot says whose it is.
const (
	oldModel = "The loader before the upgrade"
	newModel = "FriendlyElec NanoPi M6"
)

// A new loader is written over an old one, in the installer's order, and power is cut: what internal/medium simulates at every
// instant (TestPowerCutAtAnyWriteLeavesAStartableDisk), with the loader itself at the first, at a middle and at the last write of
// each part, and between two parts.
func TestAPowerCutAtAnyWriteOfTheLoaderLeavesTheOneThatIsExpected(t *testing.T) {
	old := oldLoader(t)
	update := recordUpdate(t, old)
	first, second := rockchip.MMC.IDBlock, update.at["second idblock"]

	for _, tt := range []struct {
		part     string
		cuts     []cut
		idblock  int64
		startsIs string
	}{
		{"second idblock", []cut{afterFirst, inTheMiddle, beforeLast}, first, oldModel},
		{"second FIT", []cut{beforeFirst, afterFirst, inTheMiddle, beforeLast}, first, oldModel},
		// The mask ROM goes on to the second one, whose SPL takes the FIT that it finds first.
		{"idblock", []cut{beforeFirst}, first, oldModel},
		{"idblock", []cut{afterFirst, inTheMiddle, beforeLast}, second, oldModel},
		{"FIT", []cut{beforeFirst}, first, oldModel},
		// SPL goes on to the second one.
		{"FIT", []cut{afterFirst, inTheMiddle, beforeLast}, first, newModel},
	} {
		for _, c := range tt.cuts {
			t.Run(tt.part+" "+string(c), func(t *testing.T) {
				t.Parallel()

				file := sd.with(t, old)
				update.apply(t, file, tt.part, c)

				board := start(t, "", sd.drive(file)...)
				board.Until(fmt.Sprintf("mask ROM: starts from the SD card, idblock at %#x\n", tt.idblock))
				board.Until("Model: " + tt.startsIs + "\n")
			})
		}
	}
}

// oldLoader is a loader that starts, and whose idblock and FIT are others than those of the one under test.
func oldLoader(t *testing.T) *rockchip.Loader {
	t.Helper()

	l := withTree(t, loader(t, rockchip.MMC), func(t *testing.T, root *dt.Node) {
		t.Helper()

		if !root.UpdateProperty("model", []byte(oldModel+"\x00")) {
			t.Fatal("got no model in U-Boot's tree, want one")
		}
	})

	block, err := rockchip.ParseIDBlock(l.IDBlock)
	if err != nil {
		t.Fatal(err)
	}

	// The model does not run what is in the DDR blob's place.
	spl := block.Stages[1]
	l.IDBlock = rockchiploader.IDBlock([]byte("a DDR blob before the upgrade"), l.IDBlock[spl.Offset:spl.Offset+spl.Size])

	return l
}

// update are the writes by which the installer brings the new loader over the old one.
type update struct {
	at     map[string]int64 // of the parts, by their names
	writes []write
}

type write struct {
	part   string
	offset int64
	data   []byte
}

// recorder is a target whose writes are kept.
type recorder struct {
	target
	parts  []medium.Part
	writes []write
}

func (r *recorder) WriteAt(p []byte, offset int64) (int, error) {
	for _, part := range r.parts {
		if part.Offset <= offset && offset < part.Offset+int64(len(part.Data)) {
			r.writes = append(r.writes, write{part.Name, offset, append([]byte{}, p...)})
		}
	}

	return r.target.WriteAt(p, offset)
}

func recordUpdate(t *testing.T, old *rockchip.Loader) update {
	t.Helper()

	card := target{sd.with(t, old), sd}

	parts, err := medium.LoaderParts(card, loader(t, rockchip.MMC))
	if err != nil {
		t.Fatal(err)
	}

	recorder := &recorder{target: card, parts: parts}

	outcomes, err := medium.Update(recorder, parts)
	if err != nil {
		t.Fatal(err)
	}

	u := update{at: map[string]int64{}, writes: recorder.writes}

	for _, outcome := range outcomes {
		if !outcome.Written {
			t.Fatalf("%s: got the same bytes in both loaders, want others", outcome.Name)
		}

		u.at[outcome.Name] = outcome.Offset
	}

	return u
}

// cut is when power fails, counted in the writes of a part: the magic number taken away, the data, the magic number.
type cut string

const (
	beforeFirst cut = "before the first write"
	afterFirst  cut = "after the first write"
	inTheMiddle cut = "in the middle of the data"
	beforeLast  cut = "before the last write"
)

// apply writes to the file what has arrived there when power fails.
func (u update) apply(t *testing.T, file *os.File, part string, c cut) {
	t.Helper()

	var first, last, longest int // of the part's writes

	for i, w := range u.writes {
		switch {
		case w.part != part:
		case u.writes[first].part != part:
			first, last, longest = i, i, i
		default:
			last = i

			if len(w.data) > len(u.writes[longest].data) {
				longest = i
			}
		}
	}

	if last-first < 2 {
		t.Fatalf("%s: got %d writes, want three and more", part, last-first+1)
	}

	arrived := map[cut]int{beforeFirst: first, afterFirst: first + 1, inTheMiddle: longest, beforeLast: last}[c]
	writes := u.writes[:arrived]

	if c == inTheMiddle {
		torn := u.writes[longest]
		torn.data = torn.data[:len(torn.data)/2/512*512]
		writes = append(append([]write{}, writes...), torn)
	}

	for _, w := range writes {
		if _, err := file.WriteAt(w.data, w.offset); err != nil {
			t.Fatal(err)
		}
	}
}
