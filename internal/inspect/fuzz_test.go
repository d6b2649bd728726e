// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect/testdisk"
	"talos-nanopi-m6/internal/rockchip"
	"talos-nanopi-m6/internal/rockchip/rockchiptest"
)

// changes reads a fuzzer's bytes as changes to places of a medium: two bytes choose a sector among some, two a place in it,
// one what is flipped.
func changes(patch []byte, sectors []int64) map[int64]byte {
	m := map[int64]byte{}

	for ; len(patch) >= 5; patch = patch[5:] {
		no := sectors[int(binary.BigEndian.Uint16(patch))%len(sectors)]
		m[no*512+int64(binary.BigEndian.Uint16(patch[2:])%512)] ^= patch[4]
	}

	return m
}

// testImage makes a test disk.
func testImage(f *testing.F, s testdisk.Spec) *os.File {
	f.Helper()

	p := filepath.Join(f.TempDir(), "disk.raw")
	if err := s.Write(p); err != nil {
		f.Fatal(err)
	}

	d, err := os.Open(p)
	if err != nil {
		f.Fatal(err)
	}

	f.Cleanup(func() { d.Close() }) //nolint:errcheck // read only

	return d
}

// FuzzTable damages a partition table; what is read of it ends, without a panic.
func FuzzTable(f *testing.F) {
	const size = 32 << 20

	d := testImage(f, testdisk.Spec{Size: size, NoFiles: true, Small: true})
	sectors := []int64{0, 1, 20482, 20483, size/512 - 1, size/512 - 33}

	f.Add([]byte{0, 1, 0, 32, 1})
	f.Add([]byte{0, 1, 0, 72, 0xff, 0, 1, 0, 80, 0x40})
	f.Add([]byte{0, 2, 0, 32, 0xff, 0, 2, 0, 40, 0x80})
	f.Add([]byte{0, 0, 1, 0xfe, 0xff})

	f.Fuzz(func(t *testing.T, patch []byte) {
		m := patched{d, changes(patch, sectors)}

		if g, err := readGPT(m, size, 512); err == nil {
			for _, p := range g.Partitions {
				if p.Offset < 0 || p.Size <= 0 || p.Offset+p.Size > size {
					t.Errorf("a partition of %d bytes at %d", p.Size, p.Offset)
				}
			}
		}

		_, _ = Unused(m, size)
	})
}

// FuzzFAT damages an EFI partition.
func FuzzFAT(f *testing.F) {
	d := testImage(f, testdisk.Spec{})

	list, err := Partitions(d, testdisk.Size)
	if err != nil {
		f.Fatal(err)
	}

	part := io.NewSectionReader(d, list[0].Offset, list[0].Size)

	fs, err := openFAT(part, list[0].Size)
	if err != nil {
		f.Fatal(err)
	}

	// Boot sector, both tables' starts, and the first directories.
	data := fs.data / 512
	tables := binary.LittleEndian.Uint16(head(f, part)[14:])
	size := int64(binary.LittleEndian.Uint32(head(f, part)[36:]))
	sectors := []int64{0, 1, 6, int64(tables), int64(tables) + size}

	for k := range int64(16) {
		sectors = append(sectors, data+k)
	}

	f.Add([]byte{0, 0, 0, 13, 1})
	f.Add([]byte{0, 3, 0, 12, 1, 0, 4, 0, 12, 1})
	f.Add([]byte{0, 5, 0, 26, 7})
	f.Add([]byte{0, 5, 0, 11, 0x30})

	f.Fuzz(func(_ *testing.T, patch []byte) {
		readEFI(patched{part, changes(patch, sectors)}, list[0].Size)
	})
}

func head(f *testing.F, r io.ReaderAt) []byte {
	f.Helper()

	b := make([]byte, 512)
	if _, err := r.ReadAt(b, 0); err != nil {
		f.Fatal(err)
	}

	return b
}

// FuzzArtifact reads any bytes as whatever they look like.
func FuzzArtifact(f *testing.F) {
	loader := rockchiptest.Small.Image(rockchip.MMC)
	fit := loader[rockchip.MMC.FIT-rockchip.MMC.FileStart:]

	tree, err := testdisk.Tree(testdisk.Compatible...)
	if err != nil {
		f.Fatal(err)
	}

	kernel := make([]byte, 4096)
	copy(kernel, "MZ")
	copy(kernel[56:], "ARM\x64")

	zboot := slices.Clone(kernel)
	copy(zboot[4:], "zimg")
	binary.LittleEndian.PutUint32(zboot[8:], 1024)
	binary.LittleEndian.PutUint32(zboot[12:], 2048)
	copy(zboot[24:], "zstd\x00")

	for _, b := range [][]byte{loader[:20<<10], fit, tree, kernel, zboot, []byte("RKNS"), fdtMagic} {
		f.Add(b)
	}

	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}

		r, err := Disk(t.Context(), &image.Disk{ReaderAt: bytes.NewReader(b), Path: "artifact", Format: image.Raw, FileSize: int64(len(b)), Size: int64(len(b)), SectorSize: 512})
		if err != nil {
			return
		}

		if err := Text(io.Discard, r, 100); err != nil {
			t.Error(err)
		}

		if err := SVG(io.Discard, r); err != nil {
			t.Error(err)
		}
	})
}

// FuzzGRUB reads any text as GRUB's configuration.
func FuzzGRUB(f *testing.F) {
	f.Add("set default=\"A - Talos\"\nmenuentry \"A - Talos\" {\n  linux /A/vmlinuz console=ttyS2 a\\$b\n  initrd /A/initramfs.xz\n}\n")
	f.Add("menuentry \"x\" {\n}\nset default=\"\"")

	f.Fuzz(func(t *testing.T, s string) {
		for _, e := range parseGRUB(s) {
			for _, a := range e.Args {
				if a == "" {
					t.Errorf("an empty argument of %q", s)
				}
			}
		}
	})
}

// FuzzInitramfs reads any bytes as an initramfs, in the process that is made for it.
func FuzzInitramfs(f *testing.F) {
	f.Add(archive(f, map[string][]byte{"init": []byte("x"), "rootfs.sqsh": squashHeader(func([]byte) {})}))
	f.Add([]byte("070701"))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd})

	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := read(t, b)
		if err == nil && r == nil {
			t.Error("neither an answer nor an error")
		}
	})
}
