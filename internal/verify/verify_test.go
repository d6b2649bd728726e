// SPDX-License-Identifier: MPL-2.0

package verify_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/fixture/diskimage"
	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect/initramfs"
	"talos-nanopi-m6/internal/rockchip"
	"talos-nanopi-m6/internal/verify"
)

func TestMain(m *testing.M) {
	initramfs.Confined()
	os.Exit(m.Run())
}

var disk = diskimage.File

func verified(t *testing.T, p string, o verify.Options) *verify.Result {
	t.Helper()

	r, err := verify.Path(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}

	return r
}

// check finds a check by name.
func check(r *verify.Result, name string) verify.Check {
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}

	return verify.Check{}
}

func TestASoundDiskPassesEveryCheck(t *testing.T) {
	r := verified(t, disk(t, diskimage.Spec{}), verify.Options{})

	if !r.Passed {
		t.Errorf("got %+v, want it to pass", r.Checks)
	}

	for _, name := range []string{
		"loader", "ddr", "fit", "addresses", "gpt", "placement", "partitions", "efi.filesystem", "efi.loader", "efi.grub",
		"efi.devicetree", "boot.filesystem", "boot.grub", "boot.platform", "boot.console", "kernel", "modules", "talos",
	} {
		want := verify.Pass
		if name == "ddr" { // noise is not a known blob
			want = verify.Warn
		}

		if c := check(r, name); c.Status != want {
			t.Errorf("%s: got %q (%s), want %q", name, c.Status, c.Reason, want)
		}
	}
}

func TestWhatKeepsTheBoardFromStartingFailsByName(t *testing.T) {
	standIn := rockchiploader.Small
	standIn.StandIn = true

	noHash := rockchiploader.Small
	noHash.NoHash = true

	for name, c := range map[string]struct {
		spec   diskimage.Spec
		spoil  func(f *os.File) error
		check  string
		reason string
	}{
		"no loader":                      {diskimage.Spec{NoLoader: true}, nil, "loader", "no boot loader"},
		"no DDR blob":                    {diskimage.Spec{Loader: standIn}, nil, "ddr", "no DDR blob: cannot start the board's memory"},
		"FIT unhashed":                   {diskimage.Spec{Loader: noHash}, nil, "loader", "hash"},
		"another board":                  {diskimage.Spec{Compatible: []string{"radxa,rock-5a", "rockchip,rk3588s"}}, nil, "efi.devicetree", "another board's"},
		"no device tree":                 {diskimage.Spec{NoDeviceTree: true}, nil, "efi.devicetree", board.DeviceTree},
		"no EFI program":                 {diskimage.Spec{NoEFILoader: true}, nil, "efi.loader", "BOOTAA64.EFI"},
		"GRUB's prefix numbers the disk": {diskimage.Spec{GRUBPrefix: "(hd0,gpt3)/grub"}, nil, "efi.grub", "(hd0,gpt3)"},
		"GRUB's own configuration numbers the disk": {
			diskimage.Spec{GRUBPrefix: "/grub", GRUBConfig: "set root='hd1,gpt3'\n"}, nil, "efi.grub", "hd1,gpt3",
		},
		"loader torn": {diskimage.Spec{}, func(f *os.File) error {
			_, err := f.WriteAt(make([]byte, 512), rockchip.MMC.FileStart+4096)

			return err
		}, "loader", "hash"},
		"FIT torn": {diskimage.Spec{}, func(f *os.File) error {
			_, err := f.WriteAt(make([]byte, 512), rockchip.MMC.FIT+4096)

			return err
		}, "loader", "hash"},
		"primary GPT gone": {diskimage.Spec{}, func(f *os.File) error {
			_, err := f.WriteAt(make([]byte, 512), 512)

			return err
		}, "gpt", "primary table"},
		"backup GPT gone": {diskimage.Spec{}, func(f *os.File) error {
			_, err := f.WriteAt(make([]byte, 512), diskimage.Size-512)

			return err
		}, "gpt", "backup table"},
		"FAT torn": {diskimage.Spec{}, func(f *os.File) error {
			_, err := f.WriteAt([]byte{7}, 11<<20+32*512+9)

			return err
		}, "efi.filesystem", "allocation tables differ"},
		"XFS torn": {diskimage.Spec{}, func(f *os.File) error {
			_, err := f.WriteAt([]byte{0xff, 0xff}, 112<<20+600)

			return err
		}, "boot.filesystem", "checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			p := disk(t, c.spec)

			if c.spoil != nil {
				f, err := os.OpenFile(p, os.O_RDWR, 0)
				if err != nil {
					t.Fatal(err)
				}

				if err := errors.Join(c.spoil(f), f.Close()); err != nil {
					t.Fatal(err)
				}
			}

			r := verified(t, p, verify.Options{})
			if got := check(r, c.check); r.Passed || got.Status != verify.Fail || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("got passed %v, %+v; want %s: %q", r.Passed, got, verify.Fail, c.reason)
			}
		})
	}
}

func TestWhatIsMeantToBeSoPasses(t *testing.T) {
	standIn := rockchiploader.Small
	standIn.StandIn = true

	if r := verified(t, disk(t, diskimage.Spec{Loader: standIn}), verify.Options{AllowStandIn: true}); !r.Passed || check(r, "ddr").Status != verify.Warn {
		t.Errorf("got passed %v, %+v; want a warning", r.Passed, check(r, "ddr"))
	}

	if r := verified(t, disk(t, diskimage.Spec{NoLoader: true}), verify.Options{LoaderElsewhere: true}); !r.Passed {
		t.Errorf("got %+v, want it to pass", r.Checks)
	}
}

func TestAnImageOnALargerDiskIsOnlyWarnedOf(t *testing.T) {
	p := disk(t, diskimage.Spec{})
	if err := os.Truncate(p, diskimage.Size+64<<20); err != nil {
		t.Fatal(err)
	}

	if r := verified(t, p, verify.Options{}); !r.Passed || check(r, "gpt").Status != verify.Warn {
		t.Errorf("got passed %v, %+v; want a warning", r.Passed, check(r, "gpt"))
	}
}

func TestAFileSystemThatOldGRUBDoesNotReadIsWarnedOf(t *testing.T) {
	p := disk(t, diskimage.Spec{})

	f, err := os.OpenFile(p, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}

	const (
		super  = 112 << 20
		parent = 1 << 7
	)

	b := make([]byte, 512)
	_, err = f.ReadAt(b, super)

	// What mkfs.xfs -i parent=1 sets, and the super block's checksum over it.
	b[219] |= parent
	binary.LittleEndian.PutUint32(b[224:], 0)
	binary.LittleEndian.PutUint32(b[224:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))

	_, werr := f.WriteAt(b, super)
	if err := errors.Join(err, werr, f.Close()); err != nil {
		t.Fatal(err)
	}

	r := verified(t, p, verify.Options{})
	if c := check(r, "boot.filesystem"); !r.Passed || c.Status != verify.Warn || !strings.Contains(c.Reason, "parent pointers") {
		t.Errorf("got passed %v, %+v; want a warning of parent pointers", r.Passed, c)
	}
}

// flipped is a medium with one bit changed.
type flipped struct {
	base []byte
	at   int64
	mask byte
}

func (f flipped) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(f.base)) {
		return 0, io.EOF
	}

	n := copy(p, f.base[off:])

	if k := f.at - off; k >= 0 && k < int64(n) {
		p[k] ^= f.mask
	}

	if n < len(p) {
		return n, io.EOF
	}

	return n, nil
}

// sound is the status of the named checks over a medium.
func sound(t *testing.T, r io.ReaderAt, size int64, names ...string) bool {
	t.Helper()

	result, err := verify.Disk(t.Context(), &image.Disk{ReaderAt: r, Path: "medium", Format: image.Raw, FileSize: size, Size: size, SectorSize: 512}, verify.Options{})
	if err != nil {
		return false // not even a disk
	}

	for _, n := range names {
		if check(result, n).Status != verify.Pass {
			return false
		}
	}

	return true
}

// TestEveryFlippedBitInTheTableIsFound flips every bit of both headers and of the protective MBR, and a sample of both
// tables' entries.
func TestEveryFlippedBitInTheTableIsFound(t *testing.T) {
	const size = 32 << 20

	b := table(t, size)

	if !sound(t, bytes.NewReader(b), size, "gpt") {
		t.Fatal("the sound one: got a failure, want it to pass")
	}

	flip := func(at int64, mask byte) {
		if sound(t, flipped{b, at, mask}, size, "gpt") {
			t.Errorf("byte %d, bit %08b: got a pass, want the flip found", at, mask)
		}
	}

	for _, sector := range []struct{ start, end int64 }{{440, 512}, {512, 1024}, {size - 512, size}} {
		for at := sector.start; at < sector.end; at++ {
			for bit := range 8 {
				flip(at, 1<<bit)
			}
		}
	}

	for _, entries := range []int64{20482 * 512, size - 33*512} {
		for at := int64(0); at < 128*128; at += 3 {
			flip(entries+at, 1<<(at%8))
		}
	}
}

// TestEveryFlippedBitInTheLoaderIsFound flips every bit of the idblock's header, and a sample of both programs and of all
// that SPL loads.
func TestEveryFlippedBitInTheLoaderIsFound(t *testing.T) {
	b := rockchiploader.Small.Image(rockchip.MMC)

	block, err := rockchip.ParseIDBlock(b)
	if err != nil {
		t.Fatal(err)
	}

	fit, err := rockchip.ReadFIT(bytes.NewReader(b), rockchip.MMC.FIT-rockchip.MMC.FileStart)
	if err != nil {
		t.Fatal(err)
	}

	size := int64(len(b))
	flip := func(at int64, mask byte) {
		if sound(t, flipped{b, at, mask}, size, "loader", "fit") {
			t.Errorf("byte %d, bit %08b: got a pass, want the flip found", at, mask)
		}
	}

	for at := range int64(rockchip.HeaderSize) {
		for bit := range 8 {
			flip(at, 1<<bit)
		}
	}

	for at := int64(rockchip.HeaderSize); at < block.End(); at += 13 {
		flip(at, 1<<(at%8))
	}

	for _, i := range fit.Images {
		for at := range i.Size {
			if at%17 == 0 || at < 64 || at > i.Size-64 {
				flip(rockchip.MMC.FIT-rockchip.MMC.FileStart+i.Offset+at, 1<<(at%8))
			}
		}
	}
}

// TestEveryFlippedBitIsFoundWithTheManifest flips bits where nothing on the disk itself has a sum: in the FIT's texts, in
// the loader's padding, in the device tree, in files.
func TestEveryFlippedBitIsFoundWithTheManifest(t *testing.T) {
	p := disk(t, diskimage.Spec{})
	manifest(t, p, p)

	if r := verified(t, p, verify.Options{}); !r.Passed || check(r, "manifest.image").Status != verify.Pass {
		t.Fatalf("the sound one: got %+v, want it to pass", r.Checks)
	}

	f, err := os.OpenFile(p, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // a temporary file

	tree, err := diskimage.Tree(board.Compatible...)
	if err != nil {
		t.Fatal(err)
	}

	whole, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}

	treeAt := int64(bytes.Index(whole, tree))

	for name, at := range map[string]int64{
		"FIT's description":   rockchip.MMC.FIT + int64(bytes.Index(whole[rockchip.MMC.FIT:], []byte("description"))),
		"loader's padding":    rockchip.MMC.FileStart + 4<<20,
		"device tree's model": treeAt + int64(bytes.Index(tree, []byte("FriendlyElec"))),
		"a gap":               413<<20 + 5,
		"the kernel":          int64(bytes.Index(whole, []byte("Linux version"))) + 200,
	} {
		flip(t, f, at)

		if r := verified(t, p, verify.Options{}); r.Passed || check(r, "manifest.image").Status != verify.Fail {
			t.Errorf("%s: got %+v, want %s", name, check(r, "manifest.image"), verify.Fail)
		}

		// A device's end differs from the image's, so parts are compared.
		if name != "a gap" && name != "the kernel" {
			if failed := failedRegions(verified(t, p, verify.Options{})); failed != 1 {
				t.Errorf("%s: got %d regions that differ, want 1", name, failed)
			}
		}

		flip(t, f, at)
	}
}

func failedRegions(r *verify.Result) int {
	n := 0

	for _, c := range r.Checks {
		if c.Status == verify.Fail && (c.Name == "manifest.loader" || c.Name == "manifest.EFI") {
			n++
		}
	}

	return n
}

func flip(t *testing.T, f *os.File, at int64) {
	t.Helper()

	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}

	b[0] ^= 4
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// manifest writes the manifest of a raw image that was packed as another file.
func manifest(t *testing.T, raw, packed string) {
	t.Helper()

	sum := func(b []byte) string {
		s := sha256.Sum256(b)

		return hex.EncodeToString(s[:])
	}

	disk, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}

	file, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}

	var m verify.Manifest

	m.Image.File = filepath.Base(packed)
	m.Image.SHA256, m.Image.Bytes = sum(file), int64(len(file))
	m.Image.RawSHA256, m.Image.RawBytes = sum(disk), int64(len(disk))

	for name, g := range map[string][2]int64{"loader": {32 << 10, 10 << 20}, "EFI": {11 << 20, 111 << 20}} {
		m.Layout.Regions = append(m.Layout.Regions, verify.ManifestRegion{Name: name, Offset: g[0], Bytes: g[1] - g[0], SHA256: sum(disk[g[0]:g[1]])})
	}

	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(filepath.Join(filepath.Dir(packed), "manifest.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestACompressedImageIsComparedWithItsManifest(t *testing.T) {
	raw := disk(t, diskimage.Spec{})

	b, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}

	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}

	packed := raw + ".zst"
	if err := os.WriteFile(packed, e.EncodeAll(b, nil), 0o600); err != nil {
		t.Fatal(err)
	}

	manifest(t, raw, packed)

	if r := verified(t, packed, verify.Options{}); !r.Passed || check(r, "manifest.image").Status != verify.Pass {
		t.Errorf("got passed %v, %+v; want %s", r.Passed, check(r, "manifest.image"), verify.Pass)
	}

	// The same disk packed again is the same disk.
	e2, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(packed, e2.EncodeAll(b, nil), 0o600); err != nil {
		t.Fatal(err)
	}

	if r := verified(t, packed, verify.Options{}); !r.Passed || check(r, "manifest.image").Status != verify.Warn {
		t.Errorf("got passed %v, %+v; want %s", r.Passed, check(r, "manifest.image"), verify.Warn)
	}

	// Without one nothing is compared, and that is said.
	if r := verified(t, packed, verify.Options{Manifest: "-"}); !r.Passed || check(r, "manifest").Status != verify.Warn {
		t.Errorf("got passed %v, %+v; want a warning", r.Passed, check(r, "manifest"))
	}

	whole, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(packed, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}

	if _, err := verify.Path(t.Context(), packed, verify.Options{}); !errors.Is(err, image.ErrTruncated) {
		t.Errorf("half an image: got %v, want %v", err, image.ErrTruncated)
	}
}

func TestAManifestThatIsNoneIsNamed(t *testing.T) {
	p := disk(t, diskimage.Spec{NoFiles: true})

	for _, content := range []string{"", "{}", "[]", "<html>", `{"image":{"sha256":"00"}}`} {
		m := filepath.Join(t.TempDir(), "m.json")
		if err := os.WriteFile(m, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}

		if _, err := verify.Path(t.Context(), p, verify.Options{Manifest: m}); err == nil || !strings.Contains(err.Error(), m) {
			t.Errorf("%q: got %v, want %q", content, err, m)
		}
	}
}

func TestPartsAreVerifiedAlone(t *testing.T) {
	dir := t.TempDir()
	b := rockchiploader.Small.Image(rockchip.MMC)

	tree, err := diskimage.Tree("acme,other")
	if err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		content []byte
		check   string
		status  verify.Status
	}{
		"u-boot-rockchip.bin":     {b, "loader", verify.Pass},
		"u-boot-rockchip-spi.bin": {rockchiploader.Small.Image(rockchip.SPI), "fit", verify.Pass},
		"u-boot.itb":              {b[rockchip.MMC.FIT-rockchip.MMC.FileStart:], "addresses", verify.Pass},
		"other.dtb":               {tree, "device tree", verify.Fail},
	} {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, c.content, 0o600); err != nil {
			t.Fatal(err)
		}

		if got := check(verified(t, p, verify.Options{}), c.check); got.Status != c.status {
			t.Errorf("%s: got %+v, want %s", name, got, c.status)
		}
	}
}

// table is a disk with a partition table and a loader, and nothing on its partitions.
func table(t *testing.T, size int64) []byte {
	t.Helper()

	p := filepath.Join(t.TempDir(), "table.raw")
	if err := (diskimage.Spec{Size: size, NoFiles: true, Small: true}).Write(p); err != nil {
		t.Fatal(err)
	}

	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}

	return b
}
