// SPDX-License-Identifier: MPL-2.0

package medium

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/rockchip"
)

// nor is a simulated NOR flash chip: programming clears bits, erasing sets them in whole blocks.
type nor struct {
	content []byte
	erase   int64
	// fail, where set, is asked before each operation.
	fail func(op string, count int) error
	// steps are the operations that reached the chip.
	steps  []norStep
	counts map[string]int
}

type norStep struct {
	offset int64
	data   []byte // nil for erasing
	length int64
}

func (n *nor) ask(op string) error {
	n.counts[op]++

	if n.fail != nil {
		return n.fail(op, n.counts[op])
	}

	return nil
}

func (n *nor) ReadAt(p []byte, offset int64) (int, error) {
	if err := n.ask("read"); err != nil {
		return 0, err
	}

	return bytes.NewReader(n.content).ReadAt(p, offset)
}

func (n *nor) WriteAt(p []byte, offset int64) (int, error) {
	if err := n.ask("program"); err != nil {
		return 0, err
	}

	n.steps = append(n.steps, norStep{offset: offset, data: bytes.Clone(p)})
	program(n.content[offset:], p)

	return len(p), nil
}

func program(content, data []byte) {
	for i, b := range data {
		content[i] &= b
	}
}

func (n *nor) Erase(offset, length int64) error {
	if offset%n.erase != 0 || length%n.erase != 0 {
		return fmt.Errorf("erasing %d bytes at %d: %w", length, offset, syscall.EINVAL)
	}

	if err := n.ask("erase"); err != nil {
		return err
	}

	n.steps = append(n.steps, norStep{offset: offset, length: length})
	copy(n.content[offset:], bytes.Repeat([]byte{0xff}, int(length)))

	return nil
}

func (n *nor) Sync() error  { return nil }
func (n *nor) Close() error { return nil }

const flashSize = 16 << 20

func newNOR(content []byte, erase int64) (*NOR, *nor) {
	n := &nor{content: content, erase: erase, counts: map[string]int{}}

	return &NOR{chip: n, path: "simulated flash", size: int64(len(content)), erase: erase}, n
}

func updateNOR(f *NOR, loader *rockchip.Loader) ([]Outcome, error) {
	parts, err := LoaderParts(f, loader)
	if err != nil {
		return nil, err
	}

	return Update(f, parts)
}

func erased(size int) []byte { return bytes.Repeat([]byte{0xff}, size) }

// flashWithLoader is a chip as `sf update` or a programmer leaves it.
func flashWithLoader(image []byte) []byte {
	content := erased(flashSize)
	copy(content, image)

	return content
}

var eraseSizes = []int64{4 << 10, 64 << 10}

// Every operation is cut off: while a block is being erased its bits are in any state, while bytes are programmed some
// of their bits are cleared.
func TestPowerCutAtAnyFlashOperationLeavesAStartableChip(t *testing.T) {
	k := known{}
	oldImage := rockchiploader.Small.Image(rockchip.SPI)
	old, loader := k.add("old", oldImage, rockchip.SPI), k.add("new", rockchiploader.Small.With(2).Image(rockchip.SPI), rockchip.SPI)

	for _, erase := range eraseSizes {
		fresh := flashWithLoader(oldImage)
		updated := bytes.Clone(fresh)

		if f, _ := newNOR(updated, erase); true {
			if _, err := updateNOR(f, old); err != nil {
				t.Fatal(err)
			}
		}

		onlySecond := bytes.Clone(updated)
		clear(onlySecond[rockchip.SPI.IDBlock:][:4])
		clear(onlySecond[rockchip.SPI.FIT:][:4])

		for _, from := range []start{
			{"as programmed", fresh, true, nil},
			{"updated before", updated, true, nil},
			{"only the second copies whole", onlySecond, true, nil},
			{"blank", erased(flashSize), false, nil},
		} {
			f, n := newNOR(bytes.Clone(from.content), erase)
			if _, err := updateNOR(f, loader); err != nil {
				t.Fatal(err)
			}

			content := bytes.Clone(from.content)

			judge := func(step int, what string) {
				t.Helper()

				for _, machine := range machines(rockchip.SPI) {
					if err := check(machine, from, machine.start(bytes.NewReader(content), k)); err != nil {
						t.Fatalf("erase blocks of %d, %s: operation %d %s: %v", erase, from.name, step, what, err)
					}
				}
			}

			for i, step := range n.steps {
				if step.data == nil {
					block := content[step.offset:][:step.length]
					before := bytes.Clone(block)

					// Half erased: every other bit, then every other byte, then the first half.
					for j := range block {
						block[j] |= 0x55
					}

					judge(i, "half erased")

					for j := range block {
						if block[j] = before[j]; j%2 == 0 {
							block[j] = 0xff
						}
					}

					judge(i, "every other byte erased")
					copy(block, before)
					copy(block[:len(block)/2], erased(len(block)))
					judge(i, "first half erased")
					copy(block, erased(len(block)))
					judge(i, "erased")

					continue
				}

				span := content[step.offset:][:len(step.data)]
				before := bytes.Clone(span)

				for j := range min(len(step.data), 64) {
					program(span[j:j+1], step.data[j:j+1])
					judge(i, fmt.Sprintf("programmed up to byte %d", j))
				}

				copy(span, before)

				for bit := range 8 {
					for j := range span {
						span[j] &= step.data[j] | 0xff<<bit
					}

					judge(i, fmt.Sprintf("programmed up to bit %d of every byte", bit))
				}

				program(span, step.data)
				judge(i, "programmed")
			}

			if v := machines(rockchip.SPI)[4].start(bytes.NewReader(content), k); v.idblock != "new" || v.fit != "new" {
				t.Fatalf("%s: after all: got %s, want the new loader", from.name, v)
			}
		}
	}
}

func TestErrorAtAnyFlashOperationPutsTheOldBytesBack(t *testing.T) {
	k := known{}
	oldImage := rockchiploader.Small.Image(rockchip.SPI)
	loader := k.add("new", rockchiploader.Small.With(2).Image(rockchip.SPI), rockchip.SPI)
	k.add("old", oldImage, rockchip.SPI)

	for _, erase := range eraseSizes {
		for _, kind := range []string{"program", "erase"} {
			for count := 1; ; count++ {
				before := flashWithLoader(oldImage)
				f, n := newNOR(bytes.Clone(before), erase)
				n.fail = func(op string, i int) error {
					if op == kind && i == count {
						return syscall.EIO
					}

					return nil
				}

				_, err := updateNOR(f, loader)
				if n.counts[kind] < count {
					break
				}

				if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "put back") || !bytes.Equal(n.content, before) {
					t.Fatalf("%s %d fails: got %v, want the chip put back", kind, count, err)
				}
			}
		}
	}
}

func TestSameLoaderIsNotErasedAgain(t *testing.T) {
	loader := known{}.add("old", rockchiploader.Small.Image(rockchip.SPI), rockchip.SPI)
	f, n := newNOR(erased(flashSize), 4<<10)

	if _, err := updateNOR(f, loader); err != nil {
		t.Fatal(err)
	}

	if n.counts["erase"] != 0 {
		t.Errorf("a blank chip: got %d erasures, want none", n.counts["erase"])
	}

	n.steps = nil

	if _, err := updateNOR(f, loader); err != nil || len(n.steps) != 0 {
		t.Errorf("got %d operations, %v; want none", len(n.steps), err)
	}
}

func TestNothingElseOnTheChipChanges(t *testing.T) {
	for _, erase := range eraseSizes {
		content := make([]byte, flashSize)
		for i := range content {
			content[i] = byte(i * 11 >> 2)
		}

		f, n := newNOR(bytes.Clone(content), erase)

		outcomes, err := updateNOR(f, known{}.add("new", rockchiploader.Real.Image(rockchip.SPI), rockchip.SPI))
		if err != nil {
			t.Fatal(err)
		}

		for _, outcome := range outcomes {
			copy(content[outcome.Offset:], outcome.Data)
		}

		if !bytes.Equal(n.content, content) {
			t.Errorf("erase blocks of %d: got bytes that changed around the loader, want them as they were", erase)
		}
	}
}

func TestSmallChipGetsNoSecondFIT(t *testing.T) {
	loader := known{}.add("new", rockchiploader.Real.Image(rockchip.SPI), rockchip.SPI)
	f, n := newNOR(erased(4<<20), 64<<10)

	outcomes, err := updateNOR(f, loader)
	if err != nil {
		t.Fatal(err)
	}

	for _, outcome := range outcomes {
		if outcome.Name == "second FIT" {
			t.Errorf("got %s behind the chip's end, want none", outcome.Name)
		}
	}

	if _, err := rockchip.Search(bytes.NewReader(n.content), rockchip.SPI); err != nil {
		t.Error(err)
	}

	tiny, _ := newNOR(erased(1<<20), 64<<10)
	if _, err := updateNOR(tiny, loader); err == nil || !strings.Contains(err.Error(), "1048576 bytes") {
		t.Errorf("a chip of 1 MiB: got %v, want %q", err, "1048576 bytes")
	}
}

func TestTheOneFlashChipIsFound(t *testing.T) {
	sys := t.TempDir()

	add := func(name, kind string, files ...string) {
		t.Helper()

		folder := filepath.Join(sys, name)
		if err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, "type"), []byte(kind+"\n"), 0o644)); err != nil {
			t.Fatal(err)
		}

		for _, file := range files {
			if err := os.WriteFile(filepath.Join(folder, file), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}

	if _, err := FindNOR("/dev", sys); !errors.Is(err, ErrNoNOR) {
		t.Errorf("none: got %v, want %v", err, ErrNoNOR)
	}

	add("mtd0", "nand")
	add("mtd1", "nor")
	add("mtd1ro", "nor")
	add("mtd2", "nor", "offset")

	if path, err := FindNOR("/dev", sys); err != nil || path != "/dev/mtd1" {
		t.Errorf("one: got %q, %v; want /dev/mtd1", path, err)
	}

	add("mtd3", "nor")

	if _, err := FindNOR("/dev", sys); err == nil || !strings.Contains(err.Error(), "2 SPI NOR") {
		t.Errorf("two: got %v, want %q", err, "2 SPI NOR")
	}
}

func TestWhatIsNoFlashIsRefused(t *testing.T) {
	if _, err := OpenNOR("/dev/null"); err == nil || !strings.Contains(err.Error(), "MEMGETINFO") {
		t.Errorf("got %v, want %q", err, "MEMGETINFO")
	}
}
