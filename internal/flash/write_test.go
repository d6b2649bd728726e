// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/fixture/diskimage"
	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/inspect/initramfs"
	"talos-nanopi-m6/internal/inspect/xfs"
	"talos-nanopi-m6/internal/rockchip"
)

func TestMain(m *testing.M) {
	initramfs.Confined()
	os.Exit(m.Run())
}

// op is something that was done to a medium.
type op struct {
	kind   string // "write", "zero", "sync"
	offset int64
	data   []byte
	size   int64
}

// memory is a medium in memory that notes what is done to it and fails as it is told.
type memory struct {
	mu    sync.Mutex
	bytes []byte
	ops   []op

	// fail, if not nil, may fail the n-th operation; it gives how many bytes of it are done nevertheless.
	fail func(n int, o op) (int, error)
	// read, if not nil, changes what is read.
	read func(p []byte, off int64) error
}

func newMemory(size int64) *memory { return &memory{bytes: make([]byte, size)} }

func (m *memory) do(o op) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()

	done := int(o.size)

	var err error
	if m.fail != nil {
		done, err = m.fail(len(m.ops), o)
		done = min(done, int(o.size))
	}

	o.size = int64(done)
	if o.kind == "write" {
		o.data = o.data[:done]
	}

	m.ops = append(m.ops, o)
	o.apply(m.bytes)

	return done, err
}

func (o op) apply(b []byte) {
	switch o.kind {
	case "write":
		copy(b[o.offset:], o.data)
	case "zero":
		clear(b[o.offset : o.offset+o.size])
	}
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	if off%512 != 0 || len(p)%512 != 0 {
		return 0, unix.EINVAL
	}

	return m.do(op{kind: "write", offset: off, data: bytes.Clone(p), size: int64(len(p))})
}

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()

	n := copy(p, m.bytes[min(off, int64(len(m.bytes))):])

	if m.read != nil {
		if err := m.read(p[:n], off); err != nil {
			return 0, err
		}
	}

	if n < len(p) {
		return n, io.EOF
	}

	return n, nil
}

func (m *memory) Zero(off, size int64) error {
	if off%512 != 0 || size%512 != 0 {
		return unix.EINVAL
	}

	_, err := m.do(op{kind: "zero", offset: off, size: size})

	return err
}

func (m *memory) Sync() error {
	_, err := m.do(op{kind: "sync"})

	return err
}

func (m *memory) Discard() (bool, error) { return false, nil }
func (m *memory) Reread() error          { return nil }
func (m *memory) Size() int64            { return int64(len(m.bytes)) }
func (m *memory) SectorSize() int        { return 512 }
func (m *memory) Blank() byte            { return 0 }
func (m *memory) Name() string           { return "medium" }
func (m *memory) Close() error           { return nil }

const (
	smallSize  = 32 << 20
	mediumSize = 48 << 20
)

// small is an image with a loader and a partition table, and noise on a partition.
func small(t testing.TB, seed uint64) []byte {
	t.Helper()

	p := filepath.Join(t.TempDir(), "small.raw")
	if err := (diskimage.Spec{Size: smallSize, NoFiles: true, Small: true, Loader: rockchiploader.Small.With(seed)}).Write(p); err != nil {
		t.Fatal(err)
	}

	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}

	r := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = r.Read(b[11<<20 : 11<<20+300_000])

	return b
}

// withCopies adds the loader's second copies, as an upgrade on a node does.
func withCopies(t testing.TB, b []byte) []byte {
	t.Helper()

	l := rockchip.MMC

	found, err := rockchip.Search(bytes.NewReader(b), l)
	if err != nil {
		t.Fatal(err)
	}

	at, ok := l.BackupIDBlock(found.IDBlock.End(), found.FIT.Size)
	if !ok {
		t.Fatal("got no place for a second idblock, want one")
	}

	b = bytes.Clone(b)
	copy(b[at:], b[l.IDBlock:][:found.IDBlock.End()])
	copy(b[l.BackupFIT:], b[l.FIT:][:found.FIT.Size])

	return b
}

func source(b []byte) Source {
	return Source{Name: "image", Disk: &image.Disk{
		ReaderAt: bytes.NewReader(b), Path: "image", Format: image.Raw, FileSize: int64(len(b)), Size: int64(len(b)), SectorSize: 512,
	}}
}

func stream(b []byte) Source { return Source{Name: "image", Stream: bytes.NewReader(b)} }

// seekable is a compressed image whose parts the writers decode.
func seekable(t *testing.T, b []byte) Source {
	t.Helper()

	p := filepath.Join(t.TempDir(), "image.raw.zst")

	f, err := os.Create(p)
	if err != nil {
		t.Fatal(err)
	}

	if err := errors.Join(image.WriteFrames(f, bytes.NewReader(b)), f.Close()); err != nil {
		t.Fatal(err)
	}

	d, err := image.OpenInPlace(p)
	if err != nil || d == nil {
		t.Fatal(d, err)
	}

	t.Cleanup(func() { _ = d.Close() })

	return Source{Name: "image", Disk: d}
}

var unusedOf = map[*byte][]inspect.Range{}

// same says whether a medium holds an image: all of it but the table, which is moved, and what nobody reads.
func same(t *testing.T, medium, img []byte) bool {
	t.Helper()

	return sameBut(t, medium, img, nil)
}

// sameBut is same but for some places.
func sameBut(t *testing.T, medium, img []byte, places []extent) bool {
	t.Helper()

	unused, ok := unusedOf[&img[1024]]
	if !ok {
		var err error
		if unused, err = inspect.Unused(bytes.NewReader(img), int64(len(img))); err != nil {
			t.Fatal(err)
		}

		unusedOf[&img[1024]] = unused
	}

	but := append(slices.Clone(places), extent{0, mbrAndHeader}, extent{int64(len(img)) - tableSize, int64(len(img))})
	for _, u := range unused {
		but = append(but, extent{u.Start, u.End})
	}

	return equalBut(medium[:len(img)], img, but)
}

func TestAnImageIsOnTheMediumAndItsBackupTableAtTheEnd(t *testing.T) {
	img := small(t, 1)

	for name, src := range map[string]Source{"image": source(img), "stream": stream(img), "seekable": seekable(t, img)} {
		t.Run(name, func(t *testing.T) {
			m := newMemory(mediumSize)
			_, _ = rand.NewChaCha8([32]byte{9}).Read(m.bytes) // an old card

			r, err := Write(t.Context(), m, src, Options{NoVerify: true})
			if err != nil {
				t.Fatal(err)
			}

			if !same(t, m.bytes, img) {
				t.Error("got other bytes on the medium, want the image's")
			}

			if r.Written+r.Zeroed+r.Skipped != smallSize || r.Written > 10<<20 /* the loader's padding is 8 MiB */ || r.Size != smallSize {
				t.Errorf("got %+v, want %d bytes in all, at most 10 MiB of them written", r, smallSize)
			}

			report, err := inspect.Disk(t.Context(), &image.Disk{
				ReaderAt: bytes.NewReader(m.bytes), Path: "medium", Format: image.Raw, FileSize: mediumSize, Size: mediumSize, SectorSize: 512,
			})
			if err != nil || len(report.GPT.Problems) > 0 || report.GPT.Moved || len(report.GPT.Partitions) != 4 || !report.Loader.Bootable {
				t.Errorf("got %v %+v, want 4 partitions without a problem, and a loader", err, report.GPT)
			}
		})
	}
}

// TestWhateverStopsItNothingHalfWrittenLooksBootable replays everything that was done to a medium, stops after each
// operation, and within writes; what was not flushed by then may have reached the medium or not. With one loader or with its
// second copies, on a larger medium or one that the image fills, from a file or a stream, over an old image or what others left.
func TestWhateverStopsItNothingHalfWrittenLooksBootable(t *testing.T) {
	old, img := small(t, 1), small(t, 2)
	double := withCopies(t, img)

	onLarge := func(b []byte) []byte { return append(bytes.Clone(b), make([]byte, mediumSize-smallSize)...) }

	// A second table without a first, and a loader where only the mask ROM's third look finds it.
	leftovers := onLarge(old)
	copy(leftovers[mediumSize-tableSize:], old[smallSize-tableSize:])
	copy(leftovers[rockchip.MMC.IDBlocks()[2]:], old[rockchip.MMC.IDBlock:][:256<<10])
	clear(leftovers[:rockchip.MMC.IDBlock+4096])

	kills := 0

	for name, c := range map[string]struct {
		src      Source
		img, old []byte
	}{
		"an image over an old one":                  {source(img), img, onLarge(old)},
		"with copies over an old one":               {source(double), double, onLarge(old)},
		"with copies over an old one with copies":   {source(double), double, onLarge(withCopies(t, old))},
		"with copies over leftovers":                {source(double), double, leftovers},
		"with copies, as large as the medium":       {source(double), double, withCopies(t, old)},
		"a stream with copies over an old one":      {stream(double), double, onLarge(withCopies(t, old))},
		"a stream with copies, as large as the old": {stream(double), double, withCopies(t, old)},
	} {
		t.Run(name, func(t *testing.T) {
			kills += replay(t, c.src, c.img, c.old)
		})
	}

	t.Logf("%d states after a kill", kills)

	if kills < 1000 {
		t.Errorf("got %d kills, want 1000 or more", kills)
	}
}

// replay writes an image over what a medium holds, and checks what every kill leaves; it counts them.
func replay(t *testing.T, src Source, img, old []byte) int {
	t.Helper()

	m := newMemory(int64(len(old)))
	copy(m.bytes, old)

	if _, err := Write(t.Context(), m, src, Options{NoVerify: true}); err != nil {
		t.Fatal(err)
	}

	if !same(t, m.bytes, img) {
		t.Fatal("got other bytes on the medium, want the image's")
	}

	var (
		kills   int
		durable = bytes.Clone(old) // what is on the medium for certain
		pending []op               // what may be
		touched = false            // whether data was written
		r       = rand.New(rand.NewPCG(1, 2))
	)

	check := func(state []byte, where string) {
		kills++

		found, err := rockchip.Search(bytes.NewReader(state), rockchip.MMC)
		whole := sameBut(t, state, img, idblocks())

		switch {
		case err == nil && whole && inspectTable(state) && found.IDBlockAt == rockchip.MMC.IDBlock:
		case err == nil && !touched && equalBut(state, old, idblocks()):
		case err == nil:
			t.Errorf("%s: got a medium that the board starts from byte %d, want none", where, found.IDBlockAt)
		case touched && !whole && (inspectTable(state) || backupTable(state)):
			t.Errorf("%s: got a partition table over part of the content, want none", where)
		}
	}

	for n, o := range m.ops {
		if o.kind == "sync" {
			for _, p := range pending {
				p.apply(durable)
			}

			pending = nil

			check(durable, "after flush")

			continue
		}

		if o.kind == "write" {
			touched = true
		}

		// Half of the operation, and all of it, with none, all and some of what was pending.
		half := o
		half.size = o.size / 1024 * 512

		if o.kind == "write" {
			half.data = o.data[:half.size]
		}

		for _, last := range []op{half, o} {
			for try := range 3 {
				var undo []op

				apply := func(p op) {
					undo = append(undo, op{kind: "write", offset: p.offset, data: bytes.Clone(durable[p.offset : p.offset+p.size])})
					p.apply(durable)
				}

				for _, p := range pending {
					if try == 1 || try == 2 && r.IntN(2) == 0 {
						apply(p)
					}
				}

				apply(last)
				check(durable, fmt.Sprintf("at operation %d, a %s at %d", n, o.kind, o.offset))

				for _, p := range slices.Backward(undo) {
					p.apply(durable)
				}
			}
		}

		pending = append(pending, o)
	}

	if len(pending) > 0 {
		t.Errorf("got %d operations that are never flushed, want none", len(pending))
	}

	return kills
}

// backupTable says whether a medium has a second partition table at its end.
func backupTable(b []byte) bool { return string(b[len(b)-512:][:8]) == "EFI PART" }

// equalBut compares but for some places.
func equalBut(a, b []byte, places []extent) bool {
	for _, e := range (extents{{0, int64(len(a))}}).without(normal(places)) {
		if !bytes.Equal(a[e.start:e.end], b[e.start:e.end]) {
			return false
		}
	}

	return len(a) == len(b)
}

// headless is a medium without the idblock's header, which comes after everything else.
func headless(b []byte) []byte {
	b = bytes.Clone(b)
	for _, at := range rockchip.MMC.IDBlocks() {
		clear(b[at : at+disk.PageSize])
	}

	return b
}

// inspectTable says whether a medium has a primary partition table.
func inspectTable(b []byte) bool {
	return string(b[512:520]) == "EFI PART"
}

func TestEveryErrorSaysWhatIsLeftOfTheMedium(t *testing.T) {
	old, img := small(t, 1), small(t, 2)

	clean := newMemory(mediumSize)
	if _, err := Write(t.Context(), clean, source(img), Options{NoVerify: true}); err != nil {
		t.Fatal(err)
	}

	for _, fault := range []struct {
		name string
		err  error
		want string
	}{
		{"EIO", unix.EIO, "input/output error"},
		{"ENOSPC", unix.ENOSPC, "no space left"},
		{"gone", unix.ENODEV, "the medium is gone"},
		{"short", nil, "short write"},
	} {
		for at := range clean.ops {
			if fault.err == nil && clean.ops[at].kind != "write" {
				continue
			}

			m := newMemory(mediumSize)
			copy(m.bytes, old)

			failed := false
			m.fail = func(n int, o op) (int, error) {
				if failed && fault.name == "gone" {
					return 0, fault.err
				}

				if n == at && (fault.err != nil || o.kind == "write") {
					failed = true

					return int(o.size) / 1024 * 512, fault.err
				}

				return int(o.size), nil
			}

			_, err := Write(t.Context(), m, source(img), Options{NoVerify: true})
			if !failed {
				continue // writes come in another order
			}

			var me *MediumError
			if !errors.As(err, &me) || !strings.Contains(err.Error(), fault.want) || me.State == Bootable || me.State == Untouched {
				t.Fatalf("%s at operation %d: got %v, want %q and a medium that is neither bootable nor untouched", fault.name, at, err, fault.want)
			}

			touched := false

			for _, o := range m.ops {
				touched = touched || o.kind == "write"
			}

			if _, err := rockchip.Search(bytes.NewReader(m.bytes), rockchip.MMC); err == nil && touched &&
				(me.State != Complete || !same(t, m.bytes, img)) {
				t.Errorf("%s at operation %d: got a medium that the board starts, want none", fault.name, at)
			}
		}
	}
}

func TestACompressedImageThatIsDamagedHalfwayLeavesNothingBootable(t *testing.T) {
	src := seekable(t, small(t, 1))

	f, err := os.OpenFile(src.Disk.Path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}

	// In the noise of the partition, which is stored as it is.
	_, err = f.WriteAt([]byte("damaged"), src.Disk.FileSize/2)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}

	m := newMemory(mediumSize)
	_, err = Write(t.Context(), m, src, Options{NoVerify: true})

	var medium *MediumError
	if !errors.As(err, &medium) || medium.State != NotBootable || !strings.Contains(err.Error(), src.Disk.Path) {
		t.Errorf("got %v, want a medium that does not boot, and the source %s", err, src.Disk.Path)
	}

	if inspectTable(m.bytes) || !bytes.Equal(headless(m.bytes), m.bytes) {
		t.Error("got a medium that looks bootable, want one without heads")
	}
}

func TestAMediumThatForgetsIsFoundOut(t *testing.T) {
	img := small(t, 1)

	for name, read := range map[string]func(p []byte, off int64) error{
		"a flipped bit": func(p []byte, off int64) error {
			if k := int64(11<<20) + 1000 - off; k >= 0 && k < int64(len(p)) {
				p[k] ^= 1
			}

			return nil
		},
		"a smaller card than it says": func(p []byte, off int64) error {
			if off >= 11<<20 {
				clear(p)
			}

			return nil
		},
		"the header lost": func(p []byte, off int64) error {
			if k := rockchip.MMC.IDBlock - off; k >= 0 && k < int64(len(p)) {
				p[k] = 0
			}

			return nil
		},
	} {
		m := newMemory(mediumSize)
		m.read = read

		if _, err := Write(t.Context(), m, source(img), Options{NoVerify: true}); !errors.Is(err, disk.ErrReadBack) {
			t.Errorf("%s: got %v, want %v", name, err, disk.ErrReadBack)
		}

		if _, err := rockchip.Search(bytes.NewReader(m.bytes), rockchip.MMC); err == nil {
			t.Errorf("%s: the board would start what is left: got no error, want one", name)
		}
	}

	m := newMemory(mediumSize)
	m.read = func([]byte, int64) error { return unix.EIO }

	if _, err := Write(t.Context(), m, source(img), Options{NoVerify: true}); !errors.Is(err, unix.EIO) {
		t.Errorf("unreadable: got %v, want %v", err, unix.EIO)
	}
}

func TestAnInterruptAtAnyMomentLeavesNothingBootable(t *testing.T) {
	img := small(t, 1)

	clean := newMemory(mediumSize)
	if _, err := Write(t.Context(), clean, source(img), Options{NoVerify: true}); err != nil {
		t.Fatal(err)
	}

	why := errors.New("interrupted")

	for at := range clean.ops {
		ctx, cancel := context.WithCancelCause(t.Context())
		m := newMemory(mediumSize)
		m.fail = func(n int, o op) (int, error) {
			if n == at {
				cancel(why)
			}

			return int(o.size), nil
		}

		_, err := Write(ctx, m, source(img), Options{NoVerify: true})
		_, search := rockchip.Search(bytes.NewReader(m.bytes), rockchip.MMC)

		// In the last step there is nothing left to interrupt.
		if err == nil && !same(t, m.bytes, img) || err != nil && (!errors.Is(err, why) || search == nil) {
			t.Errorf("at operation %d: got %v (loader: %v), want the image, or %v and no loader", at, err, search, why)
		}

		cancel(nil)
	}
}

func TestWhatDoesNotFitIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	m := newMemory(16 << 20)

	if _, err := Write(t.Context(), m, source(small(t, 1)), Options{NoVerify: true}); !errors.Is(err, disk.ErrTooSmall) || len(m.ops) > 0 {
		t.Errorf("got %v after %d operations, want %v after none", err, len(m.ops), disk.ErrTooSmall)
	}

	odd := small(t, 1)[:smallSize-100]
	if _, err := Write(t.Context(), m, source(odd[:1<<20+1]), Options{NoVerify: true}); err == nil || len(m.ops) > 0 {
		t.Errorf("got %v after %d operations, want an error after none", err, len(m.ops))
	}
}

func TestAStreamThatDoesNotFitOrEndsEarlyLeavesNothingBootable(t *testing.T) {
	img := small(t, 1)

	for name, c := range map[string]struct {
		size   int64
		stream io.Reader
		want   error
	}{
		"too large": {16 << 20, bytes.NewReader(img), disk.ErrTooSmall},
		"broken":    {mediumSize, io.MultiReader(bytes.NewReader(img[:12<<20]), failing{image.ErrTruncated}), image.ErrTruncated},
		"odd":       {mediumSize, bytes.NewReader(img[:12<<20+7]), nil},
		"empty":     {mediumSize, bytes.NewReader(nil), nil},
	} {
		m := newMemory(c.size)

		_, err := Write(t.Context(), m, Source{Name: "stream", Stream: c.stream}, Options{NoVerify: true})
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want an error (%v)", name, err, c.want)
		}

		if _, err := rockchip.Search(bytes.NewReader(m.bytes), rockchip.MMC); err == nil {
			t.Errorf("%s: the board would start what is left: got no error, want one", name)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// target makes a file to write to.
func target(t *testing.T, size int64) string {
	t.Helper()

	p := filepath.Join(t.TempDir(), "card")

	f, err := os.Create(p)
	if err != nil {
		t.Fatal(err)
	}

	// Something old at both ends, and in the middle.
	for _, at := range []int64{0, 32 << 10, 200 << 20, size - 4096} {
		if _, err := f.WriteAt(bytes.Repeat([]byte("old "), 1024), at); err != nil {
			t.Fatal(err)
		}
	}

	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		t.Fatal(err)
	}

	return p
}

func whole(t *testing.T) string {
	t.Helper()

	p := filepath.Join(t.TempDir(), "metal-arm64.raw")
	if err := (diskimage.Spec{}).Write(p); err != nil {
		t.Fatal(err)
	}

	return p
}

func TestAWholeImageIsVerifiedOnItsWay(t *testing.T) {
	raw := whole(t)

	f, err := os.Open(raw)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // read only

	p := target(t, diskimage.Size+32<<20)

	dev, err := disk.Open(p)
	if err != nil {
		t.Fatal(err)
	}

	r, err := Write(t.Context(), dev, Source{Name: raw, Stream: f}, Options{})
	if err := errors.Join(err, dev.Close()); err != nil {
		t.Fatal(err)
	}

	if len(r.Checks) == 0 || r.Skipped < 200<<20 {
		t.Errorf("got %+v, want checks, and 200 MiB or more skipped", r)
	}

	report, err := inspect.Path(t.Context(), p)
	if err != nil || !report.Loader.Bootable || report.Boot.Rootfs == nil || report.Boot.Rootfs.Version != diskimage.Version || report.GPT.Moved {
		t.Errorf("got %v %+v, want a loader and Talos %s where the image has them", err, report, diskimage.Version)
	}
}

func TestAStreamThatDoesNotPassIsNotMadeBootable(t *testing.T) {
	p := filepath.Join(t.TempDir(), "other.raw")
	if err := (diskimage.Spec{Compatible: []string{"acme,other"}}).Write(p); err != nil {
		t.Fatal(err)
	}

	f, err := os.Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // read only

	card := target(t, diskimage.Size)

	dev, err := disk.Open(card)
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close() // flushed

	if _, err := Write(t.Context(), dev, Source{Name: p, Stream: f}, Options{}); !errors.Is(err, ErrVerify) || !strings.Contains(err.Error(), "another board's") {
		t.Errorf("got %v, want %v and %q", err, ErrVerify, "another board's")
	}

	if _, err := rockchip.Search(dev, rockchip.MMC); err == nil {
		t.Errorf("the board would start it: got no error, want one")
	}
}

func TestMetaIsAddedAsTalosReadsIt(t *testing.T) {
	img := small(t, 1)
	m := newMemory(mediumSize)

	if _, err := Write(t.Context(), m, source(img), Options{NoVerify: true, Meta: map[uint8]string{0x0a: "addresses: []\n", 0x0c: "mine"}}); err != nil {
		t.Fatal(err)
	}

	// On a card that has some already, others stay.
	second := newMemory(mediumSize)
	if _, err := Write(t.Context(), second, source(m.bytes[:smallSize]), Options{NoVerify: true, Meta: map[uint8]string{0x0c: "yours"}}); err != nil {
		t.Fatal(err)
	}

	for dev, want := range map[*memory]string{m: "mine", second: "yours"} {
		list, err := inspect.Partitions(bytes.NewReader(dev.bytes), mediumSize)
		if err != nil {
			t.Fatal(err)
		}

		at := list[3].Offset
		for _, copyAt := range []int64{at, at + metaLength} {
			got := unpackMeta(dev.bytes[copyAt : copyAt+metaLength])
			if len(got) != 2 || got[0x0a] != "addresses: []\n" || got[0x0c] != want {
				t.Errorf("got %v, want 0x0a and 0x0c as they were packed", got)
			}
		}
	}

	if _, err := packMeta(map[uint8]string{0x0a: strings.Repeat("x", metaLength)}); !errors.Is(err, ErrMeta) {
		t.Errorf("got %v, want %v", err, ErrMeta)
	}

	// A damaged block holds nothing.
	b, err := packMeta(map[uint8]string{0x0a: "x"})
	if err != nil {
		t.Fatal(err)
	}

	for _, at := range []int{0, 5, 100_000, metaLength - 40 + 6, metaLength - 1} {
		damaged := bytes.Clone(b[:metaLength])
		damaged[at] ^= 1

		if got := unpackMeta(damaged); len(got) > 0 {
			t.Errorf("byte %d damaged: got %v, want nothing", at, got)
		}
	}
}

const machineConfig = "version: v1alpha1\nmachine:\n  type: controlplane\n"

func TestAMachineConfigurationIsOnTheStatePartition(t *testing.T) {
	const size = 512 << 20

	state, _, err := StateFile([]byte(machineConfig))
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close() // it has no name

	p := target(t, size)

	dev, err := disk.Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close() // flushed

	if _, err := Write(t.Context(), dev, source(small(t, 1)), Options{NoVerify: true, State: state}); err != nil {
		t.Fatal(err)
	}

	list, err := inspect.Partitions(dev, size)
	if err != nil || len(list) != 5 || list[4].Name != "STATE" {
		t.Fatal(list, err)
	}

	x, err := xfs.Open(io.NewSectionReader(dev, list[4].Offset, list[4].Size), list[4].Size)
	if err != nil {
		t.Fatal(err)
	}

	if err := x.Check(); err != nil {
		t.Error(err)
	}

	if got, err := fs.ReadFile(x, "config.yaml"); err != nil || string(got) != machineConfig {
		t.Errorf("got %q, %v; want the machine configuration", got, err)
	}

	if st, err := fs.Stat(x, "config.yaml"); err != nil || st.Mode() != 0o600 {
		t.Errorf("got %v, %v; want mode 0600", st, err)
	}
}

func TestAConfigurationOfAnySizeFitsOrIsRefused(t *testing.T) {
	for _, n := range []int{0, 1, 4000, 4096, 4097, MaxConfig - len(machineConfig)} {
		f, _, err := StateFile([]byte(machineConfig + strings.Repeat("#", n)))
		if err != nil {
			t.Fatalf("%d more bytes: %v", n, err)
		}

		x, err := xfs.Open(f, 300<<20)
		if err != nil {
			t.Fatal(err)
		}

		got, err := fs.ReadFile(x, "config.yaml")
		if err := errors.Join(err, x.Check(), f.Close()); err != nil || len(got) != len(machineConfig)+n {
			t.Errorf("%d more bytes: got %d, %v; want %d", n, len(got), err, len(machineConfig)+n)
		}
	}

	for _, bad := range []string{
		"", "machine: {}", "version: v1alpha1", "{", machineConfig + strings.Repeat("#", MaxConfig),
	} {
		if _, _, err := StateFile([]byte(bad)); !errors.Is(err, ErrConfig) {
			t.Errorf("%.40q: got %v, want %v", bad, err, ErrConfig)
		}
	}
}

func TestWithoutRoomForStateNothingIsBootable(t *testing.T) {
	state, _, err := StateFile([]byte(machineConfig))
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close() // it has no name

	m := newMemory(mediumSize)

	if _, err := Write(t.Context(), m, source(small(t, 1)), Options{NoVerify: true, State: state}); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("got %v, want %q", err, "no room")
	}

	if _, err := rockchip.Search(bytes.NewReader(m.bytes), rockchip.MMC); err == nil {
		t.Errorf("the board would start it: got no error, want one")
	}
}

func TestExtentsAreSubtracted(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))

	for range 2000 {
		const n = 64

		random := func() ([]extent, [n]bool) {
			var (
				list []extent
				set  [n]bool
			)

			for range r.IntN(8) {
				a := r.Int64N(n)
				b := a + r.Int64N(n-a+1)
				list = append(list, extent{a, b})

				for k := a; k < b; k++ {
					set[k] = true
				}
			}

			return list, set
		}

		x, inX := random()
		y, inY := random()
		got := normal(x).without(normal(y))

		for k := range int64(n) {
			if slices.ContainsFunc(got, func(e extent) bool { return e.start <= k && k < e.end }) != (inX[k] && !inY[k]) {
				t.Fatalf("%v without %v: got %v, want other extents at %d", x, y, got, k)
			}
		}
	}
}

// An image of many small pieces would be remembered in more memory than it is worth.
func TestManyPiecesAreWrittenWhole(t *testing.T) {
	before := maxRuns
	defer func() { maxRuns = before }()

	maxRuns = 3

	img := small(t, 1)
	for at := 12 << 20; at < 28<<20; at += 2 * grain {
		img[at] = 1
	}

	m := newMemory(mediumSize)
	_, _ = rand.NewChaCha8([32]byte{9}).Read(m.bytes) // an old card

	r, err := Write(t.Context(), m, source(img), Options{NoVerify: true})
	if err != nil || !same(t, m.bytes, img) {
		t.Fatalf("got %v, another image", err)
	}

	if want := int64(4 * chunkSize); r.Written < want {
		t.Errorf("got %d bytes written, want at least %d", r.Written, want)
	}
}
