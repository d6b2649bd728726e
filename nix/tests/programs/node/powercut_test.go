// SPDX-License-Identifier: MPL-2.0

//go:build life

package node_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

const (
	// cuts is how many instants of an upgrade the power goes at; all of them when there are fewer.
	cuts = 120
	// bootedCuts is of how many the disk is started as well.
	bootedCuts = 6
	// piece is what a disk writes wholly or not at all, in bytes.
	piece = 4096
)

// write is one of a disk's, as QEMU's blklogwrites driver logs it in the form of Linux' dm-log-writes
// (Documentation/admin-guide/device-mapper/log-writes.rst). Numbers are bytes.
type write struct {
	offset, length int64
	data           int64 // where its data is in the log
	flush          bool  // what was written before is on the disk
	fua            bool  // and this
}

const (
	logMagic   = 0x6a736677736872
	logFlush   = 1
	logFUA     = 2
	logDiscard = 4
)

// readLog gives the writes of a log of a size. A discard is one of nothing: a disk may well keep what it was told to forget.
func readLog(r io.ReaderAt, size int64) ([]write, error) {
	var head [32]byte

	le := binary.LittleEndian

	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, err
	}

	sector := int64(le.Uint32(head[24:]))
	if le.Uint64(head[:]) != logMagic || sector != 512 {
		return nil, fmt.Errorf("no log of writes in sectors of 512 bytes: %x", head)
	}

	var list []write

	// The count in the head is written now and then only.
	for at := sector; at+sector <= size; {
		if _, err := r.ReadAt(head[:], at); err != nil {
			return nil, err
		}

		first, count, flags := int64(le.Uint64(head[:])), int64(le.Uint64(head[8:])), le.Uint64(head[16:])
		if first == 0 && count == 0 && flags == 0 {
			break
		}

		at += sector
		w := write{offset: first * sector, flush: flags&logFlush != 0, fua: flags&logFUA != 0}

		if flags&logDiscard == 0 && count > 0 {
			w.length, w.data = count*sector, at
			at += w.length
		}

		if at > size {
			return nil, fmt.Errorf("the log ends in a write: at byte %d of %d", at, size)
		}

		list = append(list, w)
	}

	return list, nil
}

// medium is a disk whose power went, as a file.
type medium struct {
	*os.File
	log io.ReaderAt
}

// apply makes writes and gives the old content of their places, in the same order.
func (m medium) apply(t *testing.T, writes []write) (undo [][]byte) {
	t.Helper()

	for _, w := range writes {
		old, content := make([]byte, w.length), make([]byte, w.length)

		if _, err := m.ReadAt(old, w.offset); err != nil {
			t.Fatal(err)
		}

		if _, err := m.log.ReadAt(content, w.data); err != nil {
			t.Fatal(err)
		}

		if _, err := m.WriteAt(content, w.offset); err != nil {
			t.Fatal(err)
		}

		undo = append(undo, old)
	}

	return undo
}

func (m medium) undo(t *testing.T, writes []write, old [][]byte) {
	t.Helper()

	for k, w := range slices.Backward(writes) {
		if _, err := m.WriteAt(old[k], w.offset); err != nil {
			t.Fatal(err)
		}
	}
}

// pieces cuts writes up into what a disk does in one go.
func pieces(writes []write) (list []write) {
	for _, w := range writes {
		for at := int64(0); at < w.length; at += piece {
			list = append(list, write{offset: w.offset + at, length: min(piece, w.length-at), data: w.data + at})
		}
	}

	return list
}

// apart gives those of writes that are of places of another one as well, and the rest.
func apart(writes []write, w write) (same, rest []write) {
	for _, other := range writes {
		if other.offset < w.offset+w.length && w.offset < other.offset+other.length {
			same = append(same, other)
		} else {
			rest = append(rest, other)
		}
	}

	return same, rest
}

// ways are what is left of writes that were not flushed when the power goes.
var ways = []struct {
	name string
	left func(random *rand.Rand, pending []write) []write
}{
	{"with all that was written", func(_ *rand.Rand, pending []write) []write { return pending }},
	{"with what was flushed alone", func(*rand.Rand, []write) []write { return nil }},
	{"with any half of what was not flushed", func(random *rand.Rand, pending []write) []write {
		return slices.DeleteFunc(pieces(pending), func(write) bool { return random.IntN(2) == 0 })
	}},
	{"with every other piece of what was not flushed", func(_ *rand.Rand, pending []write) (left []write) {
		for n, p := range pieces(pending) {
			if n%2 == 0 {
				left = append(left, p)
			}
		}

		return left
	}},
	{"with the later half of what was not flushed", func(_ *rand.Rand, pending []write) []write {
		list := pieces(pending)

		return list[len(list)/2:]
	}},
}

// cut is a disk whose power went, and when and how.
type cut struct{ disk, how string }

// cutPower takes the disk as it was before an upgrade and after it, and the log of the writes between, and lets the power go
// after writes to the boot partitions and META, each time in every one of the ways. GRUB has to start the old system or the
// new one, whole, and META has to have a whole copy of what it held before or after. Some of the disks are then started.
func (l *life) cutPower(before, after, logFile string) {
	t := l.t

	log, err := os.Open(logFile)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() // was only read

	st, err := log.Stat()
	if err != nil {
		t.Fatal(err)
	}

	writes, err := readLog(log, st.Size())
	if err != nil {
		t.Fatal(err)
	}

	oldSystem, err := started(before)
	if err != nil {
		t.Fatal(err)
	}

	newSystem, err := started(after)
	if err != nil {
		t.Fatal(err)
	}

	wantLoader, err := loader(before)
	if err != nil {
		t.Fatal(err)
	}

	wantMeta := append(metaCopies(t, before), metaCopies(t, after)...)

	if oldSystem == newSystem {
		t.Fatal("the upgrade changed nothing")
	}

	points := l.points(before, writes)
	disk := filepath.Join(l.dir, "cut.raw")
	copied(t, before, disk)

	file, err := os.OpenFile(disk, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() // the test is over

	var (
		m        = medium{file, log}
		outcomes = map[string]int{}
		judged   int
		random   = rand.New(rand.NewPCG(1, 2))
		pending  []write // not flushed
	)

	judge := func(how string, at int) {
		judged++

		got, err := started(disk)
		program, lerr := loader(disk)

		if !slices.ContainsFunc(metaCopies(t, disk), func(c string) bool { return slices.Contains(wantMeta, c) }) {
			t.Errorf("power cut after write %d, %s: got two spoilt copies of META, want one of before or after", at, how)
		}

		switch {
		case err != nil:
			t.Errorf("power cut after write %d, %s: got %v, want the old system or the new one", at, how, err)
		case lerr != nil || program != wantLoader:
			t.Errorf("power cut after write %d, %s: got GRUB %s (%v), want %s", at, how, program, lerr, wantLoader)
		case got == oldSystem:
			outcomes["old"]++
		case got == newSystem:
			outcomes["new"]++
		default:
			t.Errorf("power cut after write %d, %s: got %v, want the old system or the new one", at, how, got)
		}
	}

	var boots []cut

	for k, next := 0, 0; k < len(writes) && next < len(points); k++ {
		w := writes[k]

		if w.flush {
			m.apply(t, pending)

			pending = nil
		}

		switch {
		case w.length == 0:
		case w.fua:
			// What is pending of the same place is older.
			var older []write

			older, pending = apart(pending, w)
			m.apply(t, append(older, w))
		default:
			pending = append(pending, w)
		}

		if k != points[next] {
			continue
		}

		next++

		possible := ways
		if len(pending) == 0 {
			possible = ways[:1] // all was flushed
		}

		// Of an instant one disk, each time lost in another way. The last instant as well: there the default has changed.
		boot := -1
		if next%(len(points)/bootedCuts) == 0 {
			boot = len(boots) % len(possible)
		}

		for n, way := range possible {
			left := way.left(random, pending)
			old := m.apply(t, left)
			judge(way.name, k)

			if n == boot {
				c := cut{filepath.Join(l.dir, fmt.Sprintf("cut-%d.raw", k)), fmt.Sprintf("after write %d, %s", k, way.name)}
				copied(t, disk, c.disk)
				boots = append(boots, c)
			}

			m.undo(t, left, old)
		}
	}

	t.Logf("%d instants, %d disks: %v", len(points), judged, outcomes)

	for _, c := range boots {
		l.boot(c.disk)

		got := l.version()
		if got != "one" && got != "two" {
			t.Errorf("power cut %s: got version %q, want one or two", c.how, got)
		}

		t.Logf("power cut %s: version %q starts", c.how, got)
		l.pull()

		if err := os.Remove(c.disk); err != nil {
			t.Fatal(err)
		}
	}

	if outcomes["old"] == 0 || outcomes["new"] == 0 {
		t.Errorf("got %v, want some of each: the writes are not an upgrade's", outcomes)
	}
}

// points are the writes after which the power goes: of those to EFI, BIOS, BOOT and META the last ones, which are those of
// grub.cfg, GRUB and META, and of the others, which are the new kernel's, some.
func (l *life) points(disk string, writes []write) []int {
	l.t.Helper()

	_, end := partition(l.t, disk, metaNumber)

	var all []int

	for k, w := range writes {
		if w.length > 0 && w.offset < end {
			all = append(all, k)
		}
	}

	l.t.Logf("%d writes, %d of them to the boot partitions and META", len(writes), len(all))

	if len(all) < 100 {
		l.t.Fatalf("got %d writes to the boot partitions and META, want 100 at the least", len(all))
	}

	const last = cuts / 2

	rest := len(all) - last
	if rest <= last {
		return all
	}

	var some []int
	for k := range last {
		some = append(some, all[k*rest/last])
	}

	return append(some, all[rest:]...)
}

func TestPowerCutsInAnUpgradeLeaveTheOldVersionOrTheNewOne(t *testing.T) {
	l := newLife(t, onNVMe, "one", "two")
	before, after, log := l.begin()
	l.pull()
	l.cutPower(before, after, log)
}

func TestALogOfWritesIsReadAsQEMUWritesIt(t *testing.T) {
	dir := t.TempDir()
	disk, log := empty(t, filepath.Join(dir, "disk"), 1<<20), empty(t, filepath.Join(dir, "log"), 0)
	command(t, "qemu-io", "-c", "write -P 0x41 4096 1024", "-c", "flush", "-c", "discard 8192 4096", "-c", "write -P 0x42 65536 512",
		"--image-opts", "driver=blklogwrites,file.driver=file,file.filename="+disk+",log.driver=file,log.filename="+log+",log-sector-size=512")

	f, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // was only read

	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}

	got, err := readLog(f, st.Size())
	if err != nil {
		t.Fatal(err)
	}

	// Sectors of the log: its head, and one before each entry. QEMU's end flushes once more.
	want := []write{
		{offset: 4096, length: 1024, data: 2 * 512},
		{flush: true},
		{offset: 8192},
		{offset: 65536, length: 512, data: 7 * 512},
		{flush: true},
	}
	if !reflect.DeepEqual(got[:min(len(got), len(want))], want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
