// SPDX-License-Identifier: MPL-2.0

package xfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"
)

// disk is a sparse medium in memory that reads can be recorded on and bits flipped in.
type disk struct {
	pages map[int64][]byte
	size  int64

	// reads, if not nil, takes the pages that were read.
	reads map[int64]bool
}

const page = 512

func (d *disk) ReadAt(p []byte, off int64) (int, error) {
	n := 0

	for n < len(p) && off+int64(n) < d.size {
		at := off + int64(n)
		no, in := at/page, at%page
		c := min(int64(len(p)-n), page-in, d.size-at)

		if d.reads != nil {
			d.reads[no] = true
		}

		if b, ok := d.pages[no]; ok {
			copy(p[n:n+int(c)], b[in:])
		} else {
			clear(p[n : n+int(c)])
		}

		n += int(c)
	}

	if n < len(p) {
		return n, io.EOF
	}

	return n, nil
}

func (d *disk) flip(at int64, mask byte) {
	b, ok := d.pages[at/page]
	if !ok {
		b = make([]byte, page)
		d.pages[at/page] = b
	}

	b[at%page] ^= mask
}

// boot is a copy of testdata/boot.xfs.zst.
func boot(t testing.TB) *disk {
	t.Helper()

	d, err := load()
	if err != nil {
		t.Fatal(err)
	}

	pages := make(map[int64][]byte, len(d.pages))
	for no, b := range d.pages {
		pages[no] = bytes.Clone(b)
	}

	return &disk{pages: pages, size: d.size}
}

var load = sync.OnceValues(func() (*disk, error) {
	f, err := os.Open("testdata/boot.xfs.zst")
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only

	z, err := zstd.NewReader(f)
	if err != nil {
		return nil, err
	}
	defer z.Close()

	var (
		d    = &disk{pages: map[int64][]byte{}}
		b    = make([]byte, 1<<20)
		zero = make([]byte, page)
	)

	for {
		n, err := io.ReadFull(z, b)

		for k := 0; k < n; k += page {
			if !bytes.Equal(b[k:k+page], zero) {
				d.pages[(d.size+int64(k))/page] = bytes.Clone(b[k : k+page])
			}
		}

		d.size += int64(n)

		if err == io.EOF { // ReadFull's bare value
			return d, nil
		}

		if err != nil {
			return nil, err
		}
	}
})

func open(t testing.TB, d *disk) *FS {
	t.Helper()

	f, err := Open(d, d.size)
	if err != nil {
		t.Fatal(err)
	}

	return f
}

func TestFilesAreReadAsLinuxWroteThem(t *testing.T) {
	f := open(t, boot(t))

	if f.Label() != "BOOT" || f.Size() != 300<<20 {
		t.Errorf("got label %q and %d bytes, want BOOT and 300 MiB", f.Label(), f.Size())
	}

	for n := 1; n <= 300; n++ {
		got, err := fs.ReadFile(f, fmt.Sprintf("many/a-file-with-quite-a-long-name-%d", n))
		if err != nil || string(got) != fmt.Sprintf("%d\n", n) {
			t.Fatalf("file %d: got %q, %v; want its number", n, got, err)
		}
	}

	pieces, err := fs.ReadFile(f, "pieces")
	if err != nil || len(pieces) != 400*4096 {
		t.Fatal(len(pieces), err)
	}

	for i := range 400 {
		want := byte(0)
		if i%2 == 0 {
			want = byte(i/2%251 + 1)
		}

		if block := pieces[i*4096 : (i+1)*4096]; !bytes.Equal(block, bytes.Repeat([]byte{want}, 4096)) {
			t.Fatalf("block %d of a fragmented file: got %x…, want %x alone", i, block[:8], want)
		}
	}

	prealloc, err := fs.ReadFile(f, "prealloc")
	if err != nil || !bytes.Equal(prealloc, append(bytes.Repeat([]byte("x"), 10), make([]byte, 65526)...)) {
		t.Errorf("unwritten blocks: got other bytes in %d (%v), want zeros", len(prealloc), err)
	}

	kernel, err := fs.ReadFile(f, "A/vmlinuz")
	if err != nil {
		t.Fatal(err)
	}

	if shared, err := fs.ReadFile(f, "A/shared"); err != nil || !bytes.Equal(shared, kernel) || len(kernel) != 20_000 {
		t.Errorf("a reflink: got %d bytes (%v), want the %d of its source", len(shared), err, len(kernel))
	}
}

func TestItIsAFileSystemAsIOFSWantsIt(t *testing.T) {
	// fstest reads everything over and over, far more than who judges an image.
	metadata, names := maxMetadata, maxNames
	defer func() { maxMetadata, maxNames = metadata, names }()

	maxMetadata, maxNames = 1<<40, 1<<40

	if err := fstest.TestFS(noLink{open(t, boot(t))}, "A/vmlinuz", "A/shared", "grub/grub.cfg", "pieces", "many/a-file-with-quite-a-long-name-1"); err != nil {
		t.Fatal(err)
	}
}

// noLink leaves out the symbolic link, which is listed but cannot be opened, and which TestFS would open.
type noLink struct{ *FS }

func (n noLink) Open(p string) (fs.File, error) {
	f, err := n.FS.Open(p)
	if d, ok := f.(*directory); ok && p == "." {
		list, err := d.ReadDir(-1)
		if err != nil {
			return nil, err
		}

		for k, e := range list {
			if e.Name() == "link" {
				list = append(list[:k], list[k+1:]...)

				break
			}
		}

		d.rest = list
	}

	return f, err
}

func TestWhatIsNotThereIsSaidSo(t *testing.T) {
	f := open(t, boot(t))

	if _, err := f.Open("A/nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}

	if _, err := f.Open("../A"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("got %v, want %v", err, fs.ErrInvalid)
	}

	if _, err := f.Open("link"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("got %v, want %v", err, ErrUnsupported)
	}

	if _, err := f.Open("grub/grub.cfg/x"); err == nil {
		t.Errorf("a file has children: got no error, want one")
	}
}

func TestASoundFileSystemPassesItsCheck(t *testing.T) {
	if err := open(t, boot(t)).Check(); err != nil {
		t.Fatal(err)
	}
}

// TestEveryFlippedBitInMetadataIsFound flips bits in every sector that Check reads: in each byte of the first
// group's headers, in a sample of the others.
func TestEveryFlippedBitInMetadataIsFound(t *testing.T) {
	d := boot(t)
	d.reads = map[int64]bool{}

	if err := open(t, d).Check(); err != nil {
		t.Fatal(err)
	}

	pages := d.reads
	d.reads = nil

	if len(pages) < 100 {
		t.Fatalf("got %d sectors that are read, want 100 or more", len(pages))
	}

	flips := 0

	for no := range pages {
		stride := int64(1)
		if no > 3 {
			stride = 509
		}

		for in := no % stride; in < page; in += stride {
			// One bit a byte; the sum is linear, so no bit of a byte is special to it.
			mask := byte(1) << (uint64(no+in) % 8)
			d.flip(no*page+in, mask)

			f, err := Open(d, d.size)
			if err == nil {
				err = f.Check()
			}

			if err == nil {
				t.Errorf("the flip of bit %08b in byte %d is not found: got no error, want one", mask, no*page+in)
			}

			d.flip(no*page+in, mask)

			flips++
		}
	}

	t.Logf("%d flips in %d sectors", flips, len(pages))
}

func TestADirectoryWithinItselfIsRefused(t *testing.T) {
	d := boot(t)
	f := open(t, d)

	root, err := f.inodeAt(f.root)
	if err != nil {
		t.Fatal(err)
	}

	grub, err := f.lookup("grub")
	if err != nil {
		t.Fatal(err)
	}

	// The root is a short directory in its inode: what led to grub leads to the root.
	at, err := f.block(f.root>>f.inodesPerBlockLog, 1)
	if err != nil || root.format != formatLocal {
		t.Fatal(root.format, err)
	}

	at += int64(f.root&(1<<f.inodesPerBlockLog-1)) * f.inodeSize
	block := d.pages[at/page]

	k := bytes.Index(block, be.AppendUint32(nil, uint32(grub.number)))
	be.PutUint32(block[k:], uint32(f.root))
	resum(block, 100)

	if err := open(t, d).Check(); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "more than one directory") {
		t.Errorf("got %v, want %v and %q", err, ErrDamaged, "more than one directory")
	}
}

// TestWhatIsReadOverAndOverIsLimited stands for directories that share their blocks, each with as many names as fit.
func TestWhatIsReadOverAndOverIsLimited(t *testing.T) {
	metadata, names := maxMetadata, maxNames
	defer func() { maxMetadata, maxNames = metadata, names }()

	maxNames = 3

	if err := open(t, boot(t)).Check(); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "3 names") {
		t.Errorf("names: got %v, want %v and %q", err, ErrUnsupported, "3 names")
	}

	maxNames, maxMetadata = names, 16<<10

	f, err := Open(boot(t), boot(t).size)
	if err == nil {
		err = f.Check()
	}

	if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "16384 bytes") {
		t.Errorf("bytes: got %v, want %v and %q", err, ErrUnsupported, "16384 bytes")
	}
}

func TestDirectoriesDoNotShareBlocks(t *testing.T) {
	shared := []claim{{10, 2, 1, true}, {11, 2, 2, true}}
	if err := disjoint(shared); err != nil {
		t.Errorf("two files: got %v", err)
	}

	dir := inode{shared: true, mode: modeDir}
	if got := dir.claims([]extent{{disk: 10, blocks: 1}}); got[0].shared {
		t.Error("got a directory whose blocks may be another's, want them its own")
	}
}

func TestAFileSystemThatIsCutOffIsRefused(t *testing.T) {
	d := boot(t)

	for _, size := range []int64{0, 100, 512, 4096, 1 << 20, d.size / 2, d.size - 4096} {
		if _, err := Open(io.NewSectionReader(d, 0, size), size); err == nil {
			t.Errorf("opened %d bytes of %d: got no error, want one", size, d.size)
		}
	}
}

func TestOtherVersionsAndFeaturesAreNamed(t *testing.T) {
	for want, spoil := range map[string]func(head []byte){
		"version 4":            func(h []byte) { binary.BigEndian.PutUint16(h[100:], 0xb4a4) },
		"features":             func(h []byte) { h[216] |= 0x40 },
		"xfs_repair":           func(h []byte) { h[219] |= incompatNeedRepair },
		"block size":           func(h []byte) { h[7] = 1 },
		"sector size":          func(h []byte) { h[102] = 0xff },
		"inode size":           func(h []byte) { h[104] = 0xff },
		"not an XFS":           func(h []byte) { h[0] = 'Y' },
		"blocks of 2^":         func(h []byte) { h[192] = 200 },
		"allocation groups of": func(h []byte) { clear(h[84:88]) },
		"blocks in":            func(h []byte) { h[91]++ },
	} {
		d := boot(t)
		spoil(d.pages[0])
		resum(d.pages[0], 224)

		if _, err := Open(d, d.size); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

// resum makes b's checksum right again.
func resum(b []byte, at int) {
	binary.LittleEndian.PutUint32(b[at:], crc(b, at))
}

// FuzzMetadata damages metadata whose checksums are made right again, as a hostile image would have it: reading must end,
// without a panic, in memory bounded by the limits stated in this package.
func FuzzMetadata(f *testing.F) {
	sound := boot(f)
	sound.reads = map[int64]bool{}

	if err := open(f, sound).Check(); err != nil {
		f.Fatal(err)
	}

	var areas []int64
	for no := range sound.reads {
		areas = append(areas, no)
	}

	slices.Sort(areas)

	sound.reads = nil

	// The first sectors are super block, AGF, AGI and AGFL.
	f.Add([]byte{0, 0, 0, 84, 1})
	f.Add([]byte{0, 1, 0, 16, 0xff, 0, 1, 0, 28, 3})
	f.Add([]byte{0, 9, 0, 76, 0x7f})
	f.Add([]byte{0, 9, 0, 5, 1, 0, 9, 0, 56, 0x7f})

	f.Fuzz(func(t *testing.T, patch []byte) {
		d := &disk{pages: maps.Clone(sound.pages), size: sound.size}

		for ; len(patch) >= 5; patch = patch[5:] {
			no := areas[int(binary.BigEndian.Uint16(patch))%len(areas)]
			in := int64(binary.BigEndian.Uint16(patch[2:]) % page)

			b := bytes.Clone(d.pages[no])
			if b == nil {
				b = make([]byte, page)
			}

			b[in] ^= patch[4]
			d.pages[no] = b
		}

		trust = true

		defer func() { trust = false }()

		x, err := Open(d, d.size)
		if err != nil {
			return
		}

		_ = x.Check()
		_ = fs.WalkDir(x, ".", func(p string, e fs.DirEntry, err error) error {
			if err != nil {
				return nil // go on elsewhere
			}

			if e.IsDir() {
				if strings.Count(p, "/") > 4 { // damaged: directories within themselves
					return fs.SkipDir
				}

				return nil
			}

			if strings.HasPrefix(p, "many/") { // one stands for all
				return fs.SkipDir
			}

			if file, err := x.Open(p); err == nil {
				_, _ = io.CopyN(io.Discard, file, 1<<20)
			}

			return nil
		})
	})
}
