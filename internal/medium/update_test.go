// SPDX-License-Identifier: MPL-2.0

package medium

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/rockchip"
)

const diskSize = 12 << 20

// realImage is the loader this project built, where the build names it, or one of the same sizes.
func realImage(t *testing.T) []byte {
	t.Helper()

	name := os.Getenv("U_BOOT_ROCKCHIP_BIN")
	if name == "" {
		return rockchiploader.Real.With(2).Image(rockchip.MMC)
	}

	image, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}

	return image
}

// start is a medium before an update.
type start struct {
	name string
	// content is the medium; startable says whether it has a whole loader on it.
	content   []byte
	startable bool
	// torn are the machines that run what is torn on it before the update: those that check no hash.
	torn map[string]bool
}

// starts are what an update may find: an image as it was written, the result of an earlier update, nothing, a loader of
// which only the second copies are whole, and other things.
func starts(old *rockchip.Loader, image []byte) []start {
	fresh := make([]byte, diskSize)
	copy(fresh[old.Layout.FileStart:], image)

	updated := bytes.Clone(fresh)
	mustUpdate(newFaulty(updated), old)

	onlySecond := bytes.Clone(updated)
	clear(onlySecond[old.Layout.IDBlock:][:512])
	clear(onlySecond[old.Layout.FIT:][:512])

	noSecondFIT := bytes.Clone(updated)
	clear(noSecondFIT[old.Layout.BackupFIT:][:2000])
	clear(noSecondFIT[old.Layout.IDBlock+3000:][:2000])

	garbage := bytes.Repeat([]byte("RKNS\xd0\x0d\xfe\xed"), diskSize/8)

	noHashes := map[string]bool{"mask ROM that checks no hash": true, "no second places, no hashes checked": true}

	return []start{
		{"image as written", fresh, true, nil},
		{"updated before", updated, true, nil},
		{"only the second copies whole", onlySecond, true, nil},
		{"torn idblock, no second FIT", noSecondFIT, true, noHashes},
		{"blank", make([]byte, diskSize), false, nil},
		{"magic numbers everywhere", garbage, false, noHashes},
	}
}

func mustUpdate(m *faulty, loader *rockchip.Loader) []Outcome {
	outcomes, err := update(m, loader)
	if err != nil {
		panic(err)
	}

	return outcomes
}

func update(m *faulty, loader *rockchip.Loader) ([]Outcome, error) {
	parts, err := LoaderParts(m, loader)
	if err != nil {
		return nil, err
	}

	return Update(m, parts)
}

// check judges one state of a medium.
func check(m machine, from start, v verdict) error {
	whole := m.layout.Copies > 1 && m.layout.BackupFIT != 0

	switch {
	case v.torn && from.torn[m.name]:
		return nil
	case v.torn:
		return fmt.Errorf("%s runs what was never whole: %s", m.name, v)
	case v.refused && whole && from.startable:
		return fmt.Errorf("%s does not start", m.name)
	}

	return nil
}

// Every write of the real loader's update is cut off after every single byte, on every medium, for every machine; and a
// write may reach the medium before those that were not yet flushed.
func TestPowerCutAtAnyByteLeavesAStartableMedium(t *testing.T) {
	k := known{}
	oldImage := rockchiploader.Real.Image(rockchip.MMC)
	old, loader := k.add("old", oldImage, rockchip.MMC), k.add("new", realImage(t), rockchip.MMC)

	for _, from := range starts(old, oldImage) {
		t.Run(from.name, func(t *testing.T) {
			m := newFaulty(bytes.Clone(from.content))
			mustUpdate(m, loader)

			states := 0

			for _, machine := range machines(rockchip.MMC) {
				content := bytes.Clone(from.content)
				view := &view{machine: machine, known: k}

				for i, op := range m.recorded {
					for at := 0; at < len(op.data); {
						// Up to the next byte that the machine looks at, all states are one to it.
						n := view.untilLookedAt(op.offset+int64(at), len(op.data)-at)
						before, after := content[op.offset+int64(at):][:n], op.data[at:at+n]

						if !bytes.Equal(before, after) {
							copy(before, after)
							view.changed(op.offset+int64(at), n)
						}

						at += n
						states += n

						if err := check(machine, from, view.start(content)); err != nil {
							t.Fatalf("operation %d, %d bytes at %d cut after %d: %v", i, len(op.data), op.offset, at, err)
						}
					}
				}

				if v := view.start(content); v.idblock != "new" || v.fit != "new" {
					t.Fatalf("after all: got %s on %s, want the new loader", v, machine.name)
				}
			}

			t.Logf("%d states", states)
		})
	}
}

// Between two flushes the medium may write in any order, any part of what it was given, down to single bytes. All of that
// is covered at once if, in every state in which writes are pending, no machine looks at a byte they change, but the
// four of a magic number in a write of their own.
func TestNoMachineLooksAtWhatIsBeingWritten(t *testing.T) {
	for name, images := range map[string][2][]byte{
		"real":  {rockchiploader.Real.Image(rockchip.MMC), realImage(t)},
		"small": {rockchiploader.Small.Image(rockchip.MMC), rockchiploader.Small.With(2).Image(rockchip.MMC)},
	} {
		k := known{}
		old, loader := k.add("old", images[0], rockchip.MMC), k.add("new", images[1], rockchip.MMC)

		// Any combination of a magic number's bytes for the small loader, some for the large one.
		masks := []int{0b0000, 0b0001, 0b0111, 0b1110, 0b1111}
		if name == "small" {
			masks = nil
			for mask := range 1 << magicSize {
				masks = append(masks, mask)
			}
		}

		for _, from := range starts(old, images[0]) {
			t.Run(name+", "+from.name, func(t *testing.T) { pendingWritesAreNotLookedAt(t, from, k, loader, masks) })
		}
	}
}

func pendingWritesAreNotLookedAt(t *testing.T, from start, k known, loader *rockchip.Loader, masks []int) {
	t.Helper()

	m := newFaulty(bytes.Clone(from.content))
	mustUpdate(m, loader)

	content := bytes.Clone(from.content)

	for _, pending := range epochs(m.recorded) {
		after := bytes.Clone(content)
		for _, op := range pending {
			copy(after[op.offset:], op.data)
		}

		if places := changedPlaces(content, after, pending); len(places) <= magicSize {
			for _, mask := range masks {
				writeSome(t, content, after, places, mask, from, k)
			}
		} else {
			for _, machine := range machines(rockchip.MMC) {
				spy := &spy{content: content}
				machine.start(spy, k)

				for _, s := range spy.read {
					if !bytes.Equal(content[s.from:s.to], after[s.from:s.to]) {
						t.Fatalf("%s: got a look at bytes %d to %d while they are written, want none", machine.name, s.from, s.to-1)
					}
				}
			}
		}

		content = after
	}

	if !bytes.Equal(content, m.content) {
		t.Error("got another medium by the record of writes, want the one that was written")
	}
}

// changedPlaces are the bytes that writes change.
func changedPlaces(before, after []byte, writes []operation) []int64 {
	var places []int64

	for _, op := range writes {
		for at := range op.data {
			if place := op.offset + int64(at); before[place] != after[place] {
				places = append(places, place)
			}
		}
	}

	return places
}

// writeSome judges the state in which the bytes that mask names were written, of the few that change.
func writeSome(t *testing.T, before, after []byte, places []int64, mask int, from start, k known) {
	t.Helper()

	state := bytes.Clone(before)

	for i, at := range places {
		if mask>>i&1 == 1 {
			state[at] = after[at]
		}
	}

	for _, machine := range machines(rockchip.MMC) {
		if err := check(machine, from, machine.start(bytes.NewReader(state), k)); err != nil {
			t.Fatalf("magic number at %v, bytes %04b written: %v", places, mask, err)
		}
	}
}

// epochs are the writes between two flushes.
func epochs(operations []operation) [][]operation {
	var all [][]operation

	var pending []operation

	for _, op := range operations {
		if op.data != nil {
			pending = append(pending, op)

			continue
		}

		all, pending = append(all, pending), nil
	}

	return append(all, pending)
}

// A block that a power cut tears may be unreadable afterwards.
func TestUnreadableBlocksAfterAPowerCutAreWrittenAnew(t *testing.T) {
	k := known{}
	oldImage := rockchiploader.Small.Image(rockchip.MMC)
	old, loader := k.add("old", oldImage, rockchip.MMC), k.add("new", rockchiploader.Small.With(2).Image(rockchip.MMC), rockchip.MMC)
	from := starts(old, oldImage)[1]

	first := newFaulty(bytes.Clone(from.content))
	mustUpdate(first, loader)

	content := bytes.Clone(from.content)

	for i, op := range first.recorded {
		for at := 0; at < len(op.data); at += 512 {
			bad := op.offset + int64(at)

			m := newFaulty(bytes.Clone(content))
			copy(m.content[op.offset:], op.data[:at])

			// Unreadable until it is written again.
			m.failure = func(op string, _ int, offset int64, length int) error {
				if bad < offset || bad >= offset+int64(length) {
					return nil
				}

				if op == "write" {
					bad = -1
				}

				if op == "read" {
					return syscall.EIO
				}

				return nil
			}

			v := machines(rockchip.MMC)[0].start(Reader(m), k)
			if v.torn || v.refused {
				t.Fatalf("operation %d, block at %d unreadable: got %s, want neither torn nor refused", i, bad, v)
			}

			if _, err := update(m, loader); err != nil {
				t.Fatalf("operation %d, block at %d unreadable: updating again: %v", i, op.offset+int64(at), err)
			}

			if v := machines(rockchip.MMC)[0].start(Reader(m), k); v.idblock != "new" || v.fit != "new" {
				t.Fatalf("operation %d: updated again: got %s, want the new loader", i, v)
			}
		}

		copy(content[op.offset:], op.data)
	}
}

// After a power cut at any operation of an update, an update to a third loader is cut at any of its operations.
func TestPowerCutDuringTheUpdateAfterAPowerCut(t *testing.T) {
	k := known{}
	oldImage := rockchiploader.Small.Image(rockchip.MMC)
	old := k.add("old", oldImage, rockchip.MMC)
	second := k.add("second", rockchiploader.Small.With(2).Image(rockchip.MMC), rockchip.MMC)
	third := k.add("third", rockchiploader.Small.With(3).Image(rockchip.MMC), rockchip.MMC)

	for _, from := range starts(old, oldImage) {
		first := newFaulty(bytes.Clone(from.content))
		mustUpdate(first, second)

		cut := bytes.Clone(from.content)

		for i, op := range first.recorded {
			copy(cut[op.offset:], op.data[:len(op.data)/2])

			again := newFaulty(bytes.Clone(cut))
			mustUpdate(again, third)

			content := bytes.Clone(cut)

			for j, op := range again.recorded {
				copy(content[op.offset:], op.data[:len(op.data)/2])

				for _, machine := range machines(rockchip.MMC) {
					if err := check(machine, from, machine.start(bytes.NewReader(content), k)); err != nil {
						t.Fatalf("%s: cut at operation %d, then at %d: %v", from.name, i, j, err)
					}
				}

				copy(content[op.offset:], op.data)
			}

			if v := machines(rockchip.MMC)[4].start(bytes.NewReader(content), k); v.idblock != "third" || v.fit != "third" {
				t.Fatalf("%s: cut at operation %d, then updated: got %s, want the third loader", from.name, i, v)
			}

			copy(cut[op.offset:], op.data)
		}
	}
}

// Whatever operation fails once, the old bytes are back and the error says so; where the medium fails for good, the
// board still starts, and the error says that the old bytes are not back.
func TestErrorAtAnyOperationPutsTheOldBytesBack(t *testing.T) {
	k := known{}
	oldImage := rockchiploader.Small.Image(rockchip.MMC)
	old, loader := k.add("old", oldImage, rockchip.MMC), k.add("new", rockchiploader.Small.With(2).Image(rockchip.MMC), rockchip.MMC)

	for _, from := range starts(old, oldImage) {
		for _, lasting := range []bool{false, true} {
			for _, kind := range []string{"write", "flush", "read"} {
				for n := 1; ; n++ {
					m := newFaulty(bytes.Clone(from.content))

					parts, err := LoaderParts(m, loader)
					if err != nil {
						t.Fatal(err)
					}

					clear(m.counts)

					m.failure = func(op string, count int, _ int64, _ int) error {
						if op == kind && count == n {
							m.dead = lasting

							return syscall.EIO
						}

						return nil
					}

					_, err = Update(m, parts)
					if m.counts[kind] < n {
						break // there is no n-th
					}

					name := fmt.Sprintf("%s: %s %d fails (lasting: %v)", from.name, kind, n, lasting)

					// A failed read is tried again, block by block.
					if err == nil && kind == "read" && !lasting {
						continue
					}

					if !errors.Is(err, syscall.EIO) {
						t.Fatalf("%s: got %v, want %v", name, err, syscall.EIO)
					}

					untouched := strings.Contains(err.Error(), "nothing was changed")
					back := strings.Contains(err.Error(), "were put back")

					if !lasting && !untouched && !back {
						t.Fatalf("%s: %v", name, err)
					}

					if (back || untouched) && !bytes.Equal(m.content, from.content) {
						t.Fatalf("%s: got another medium after %v, want it as before", name, err)
					}

					for _, machine := range machines(rockchip.MMC) {
						if err := check(machine, from, machine.start(bytes.NewReader(m.content), k)); err != nil {
							t.Fatalf("%s: %v", name, err)
						}
					}
				}
			}
		}
	}
}

// Also while old bytes are being put back the power may go.
func TestPowerCutWhilePuttingBackLeavesAStartableMedium(t *testing.T) {
	k := known{}
	oldImage := rockchiploader.Small.Image(rockchip.MMC)
	old, loader := k.add("old", oldImage, rockchip.MMC), k.add("new", rockchiploader.Small.With(2).Image(rockchip.MMC), rockchip.MMC)

	for _, from := range starts(old, oldImage) {
		for n := 1; ; n++ {
			m := newFaulty(bytes.Clone(from.content))
			m.failure = func(op string, count int, _ int64, _ int) error {
				if op == "write" && count == n {
					return syscall.EIO
				}

				return nil
			}

			if _, err := update(m, loader); err == nil {
				break
			}

			content := bytes.Clone(from.content)

			for i, op := range m.recorded {
				for at := 0; at < len(op.data); at += 64 {
					copy(content[op.offset:], op.data[:at])

					for _, machine := range machines(rockchip.MMC) {
						if err := check(machine, from, machine.start(bytes.NewReader(content), k)); err != nil {
							t.Fatalf("%s: write %d fails, cut at operation %d after %d bytes: %v", from.name, n, i, at, err)
						}
					}

					if at == 1024 {
						break // the rest is not looked at (TestNoMachineLooksAtWhatIsBeingWritten)
					}
				}

				copy(content[op.offset:], op.data)
			}
		}
	}
}

func TestShortWriteIsAnErrorAndPutBack(t *testing.T) {
	k := known{}
	oldImage := rockchiploader.Small.Image(rockchip.MMC)
	old, loader := k.add("old", oldImage, rockchip.MMC), k.add("new", rockchiploader.Small.With(2).Image(rockchip.MMC), rockchip.MMC)
	from := starts(old, oldImage)[1]

	for n := 1; ; n++ {
		m := newFaulty(bytes.Clone(from.content))
		m.short = func(count int) bool { return count == n }

		_, err := update(m, loader)
		if m.counts["write"] < n {
			break
		}

		if !errors.Is(err, disk.ErrShort) || !bytes.Equal(m.content, from.content) {
			t.Fatalf("write %d short: got %v, want %v and the medium as it was", n, err, disk.ErrShort)
		}
	}
}

func TestLostWriteIsFoundByReadingBack(t *testing.T) {
	k := known{}
	oldImage := rockchiploader.Small.Image(rockchip.MMC)
	old, loader := k.add("old", oldImage, rockchip.MMC), k.add("new", rockchiploader.Small.With(2).Image(rockchip.MMC), rockchip.MMC)
	from := starts(old, oldImage)[1]

	for n := 1; ; n++ {
		m := &lossy{faulty: newFaulty(bytes.Clone(from.content)), lost: n}

		parts, err := LoaderParts(m, loader)
		if err != nil {
			t.Fatal(err)
		}

		_, err = Update(m, parts)
		if m.writes < n {
			break
		}

		if !errors.Is(err, disk.ErrReadBack) || !bytes.Equal(m.content, from.content) {
			t.Fatalf("write %d lost: got %v, want %v and the medium as it was", n, err, disk.ErrReadBack)
		}
	}
}

// lossy loses one write without a word.
type lossy struct {
	*faulty
	lost, writes int
}

func (l *lossy) WriteAt(p []byte, offset int64) (int, error) {
	if l.writes++; l.writes == l.lost {
		return len(p), nil
	}

	return l.faulty.WriteAt(p, offset)
}

func TestSameLoaderIsNotWrittenAgain(t *testing.T) {
	image := rockchiploader.Small.Image(rockchip.MMC)
	loader := known{}.add("old", image, rockchip.MMC)

	m := newFaulty(make([]byte, diskSize))
	for _, outcome := range mustUpdate(m, loader) {
		if !outcome.Written {
			t.Errorf("%s: got it not written to a blank medium, want it written", outcome.Name)
		}
	}

	m.recorded = nil

	for _, outcome := range mustUpdate(m, loader) {
		if outcome.Written {
			t.Errorf("%s: got it written again, want it left", outcome.Name)
		}
	}

	if len(m.recorded) != 0 {
		t.Errorf("got %d operations, want none", len(m.recorded))
	}
}

func TestOnlyThePartThatChangedIsWritten(t *testing.T) {
	image := rockchiploader.Small.Image(rockchip.MMC)
	loader := known{}.add("old", image, rockchip.MMC)
	m := newFaulty(make([]byte, diskSize))
	mustUpdate(m, loader)

	other := known{}.add("new", rockchiploader.Small.With(2).Image(rockchip.MMC), rockchip.MMC)
	loader.FIT = other.FIT

	for _, outcome := range mustUpdate(m, loader) {
		if outcome.Written != strings.Contains(outcome.Name, "FIT") {
			t.Errorf("%s: written: got %v, want it for a FIT alone", outcome.Name, outcome.Written)
		}
	}
}

func TestNothingElseOnTheMediumChanges(t *testing.T) {
	for _, blockSize := range []int{512, 4096} {
		content := make([]byte, diskSize)
		for i := range content {
			content[i] = byte(i * 7 >> 3)
		}

		m := newFaulty(bytes.Clone(content))
		m.blockSize = blockSize
		loader := known{}.add("new", rockchiploader.Real.Image(rockchip.MMC), rockchip.MMC)

		for _, outcome := range mustUpdate(m, loader) {
			copy(content[outcome.Offset:], outcome.Data)
		}

		if !bytes.Equal(m.content, content) {
			t.Errorf("blocks of %d bytes: got bytes that changed around the loader, want them as they were", blockSize)
		}
	}
}

func TestMediumTooSmallIsRefused(t *testing.T) {
	loader := known{}.add("new", rockchiploader.Small.Image(rockchip.MMC), rockchip.MMC)
	m := newFaulty(make([]byte, 8<<20))

	if _, err := update(m, loader); err == nil || !strings.Contains(err.Error(), "8388608 bytes") {
		t.Errorf("got %v, want %q", err, "8388608 bytes")
	}

	if len(m.recorded) != 0 {
		t.Errorf("got %d operations, want none", len(m.recorded))
	}
}
