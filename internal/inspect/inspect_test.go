// SPDX-License-Identifier: MPL-2.0

package inspect_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/fixture/diskimage"
	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/inspect/initramfs"
	"talos-nanopi-m6/internal/inspect/render"
	"talos-nanopi-m6/internal/rockchip"
)

func TestMain(m *testing.M) {
	initramfs.Confined()
	os.Exit(m.Run())
}

var disk = diskimage.File

func report(t *testing.T, p string) *inspect.Report {
	t.Helper()

	r, err := inspect.Path(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}

	return r
}

func TestEverythingOnADiskIsReported(t *testing.T) {
	r := report(t, disk(t, diskimage.Spec{}))

	if len(r.Problems)+len(r.GPT.Problems)+len(r.Boot.Problems) > 0 || r.EFI.Problem != "" {
		t.Fatalf("a sound disk: got problems %v %v %v %s, want none", r.Problems, r.GPT.Problems, r.Boot.Problems, r.EFI.Problem)
	}

	if l := r.Loader; !l.Bootable || len(l.Stages) != 2 || len(l.Images) != 4 || l.IDBlockAt != 32768 || l.FITAt != 8<<20 {
		t.Errorf("loader: got %+v, want 2 stages and 4 images at their places", l)
	}

	var names []string
	for _, p := range r.GPT.Partitions {
		names = append(names, p.Name)

		if !p.Aligned {
			t.Errorf("%s: got it unaligned, want it aligned", p.Name)
		}
	}

	if !slices.Equal(names, []string{"EFI", "BIOS", "BOOT", "META"}) || r.GPT.Primary.Entries != 20482 {
		t.Errorf("got partitions %v, entries at %d; want EFI, BIOS, BOOT, META, entries at 20482", names, r.GPT.Primary.Entries)
	}

	if r.EFI.Machine != "arm64" || len(r.EFI.DeviceTrees) != 1 || r.EFI.DeviceTrees[0].Model != board.Title ||
		r.EFI.DeviceTrees[0].Boards != board.FirstRevision {
		t.Errorf("EFI: got %+v, want its programs and the tree of the %s", r.EFI, board.FirstRevision)
	}

	b := r.Boot
	if b.Kernel.Release != diskimage.Release || !b.Kernel.EFI || !b.Consistent {
		t.Errorf("kernel: got %+v, want %s, for EFI, that fits the modules", b.Kernel, diskimage.Release)
	}

	if len(b.Entries) != 2 || !slices.Contains(b.Entries[0].Args, board.Console) || !b.Entries[0].Default || b.Entries[1].Default {
		t.Errorf("entries: got %+v, want two, the first the default, with %s", b.Entries, board.Console)
	}

	if o := b.Rootfs; o.Version != diskimage.Version || !slices.Equal(o.Releases, []string{diskimage.Release}) || o.Modules != 2 ||
		!strings.HasPrefix(o.Vermagic, diskimage.Release+" ") {
		t.Errorf("system: got %+v, want that of the fixture, for %s", o, diskimage.Release)
	}
}

func TestRegionsCoverTheWholeDisk(t *testing.T) {
	r := report(t, disk(t, diskimage.Spec{}))

	end := int64(0)

	for _, g := range r.Regions {
		if g.Offset != end {
			t.Errorf("%s: got the start %d, want %d, where the one before ends", g.Name, g.Offset, end)
		}

		end = g.End()
	}

	if end != r.Size {
		t.Errorf("the last region: got the end %d, want %d", end, r.Size)
	}
}

func TestAMissingDDRBlobIsSaidInWords(t *testing.T) {
	small := rockchiploader.Small
	small.StandIn = true

	r := report(t, disk(t, diskimage.Spec{Loader: small}))
	if !r.Loader.DDR.Missing {
		t.Fatalf("got %+v, want a missing blob", r.Loader.DDR)
	}

	var out bytes.Buffer
	if err := render.Text(&out, r, 120); err != nil {
		t.Fatal(err)
	}

	if !strings.Contains(out.String(), "no DDR blob: cannot start the board's memory") {
		t.Errorf("got %s, want that there is no DDR blob", out.String())
	}
}

func TestArtifactsAreRecognised(t *testing.T) {
	dir := t.TempDir()
	image := rockchiploader.Small.Image(rockchip.MMC)
	fit := image[rockchip.MMC.FIT-rockchip.MMC.FileStart:]

	tree, err := diskimage.Tree(board.Compatible...)
	if err != nil {
		t.Fatal(err)
	}

	block, err := rockchip.ParseIDBlock(image)
	if err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		content []byte
		kind    inspect.Kind
	}{
		"u-boot-rockchip.bin":     {image, inspect.KindLoader},
		"u-boot-rockchip-spi.bin": {rockchiploader.Small.Image(rockchip.SPI), inspect.KindSPILoader},
		"idbloader.img":           {image[:block.End()], inspect.KindIDBlock},
		"u-boot.itb":              {fit, inspect.KindFIT},
		"board.dtb":               {tree, inspect.KindDeviceTree},
	} {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, c.content, 0o600); err != nil {
			t.Fatal(err)
		}

		r := report(t, p)
		if r.Kind != c.kind {
			t.Errorf("%s: got %s, want %s", name, r.Kind, c.kind)
		}

		if r.Loader != nil && name != "u-boot.itb" && len(r.Loader.Stages) != 2 {
			t.Errorf("%s: got %+v, want 2 stages", name, r.Loader)
		}

		if r.Loader != nil && name != "idbloader.img" && len(r.Loader.Images) != 4 {
			t.Errorf("%s: got %+v, want 4 images", name, r.Loader)
		}
	}
}

func TestAnOverlayDirectoryIsReported(t *testing.T) {
	dir := t.TempDir()

	tree, err := diskimage.Tree(board.Compatible...)
	if err != nil {
		t.Fatal(err)
	}

	for p, b := range map[string][]byte{
		"installers/" + board.Name:                                    []byte("program"),
		"profiles/" + board.Name + ".yaml":                            []byte("arch: arm64\n"),
		"artifacts/arm64/u-boot/" + board.Name + "/" + board.MMC.File: rockchiploader.Small.Image(rockchip.MMC),
		"artifacts/arm64/" + board.DeviceTree:                         tree,
	} {
		p = filepath.Join(dir, p)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	r := report(t, dir)
	i := r.Overlay.Images[0]

	if !slices.Equal(i.Installers, []string{board.Name}) || len(i.DeviceTrees) != 1 || len(i.Loaders) != 1 || len(i.Files) != 4 {
		t.Errorf("got %+v, want the installer %s, a tree, a loader and 4 files", i, board.Name)
	}
}

func TestWhatIsNothingOfOursIsAnErrorThatNamesIt(t *testing.T) {
	dir := t.TempDir()

	for name, content := range map[string][]byte{
		"noise":  bytes.Repeat([]byte("noise "), 100_000),
		"zeros":  make([]byte, 1<<20),
		"short":  []byte("x"),
		"empty":  nil,
		"half":   {0x28, 0xb5, 0x2f, 0xfd, 0x04},
		"dir":    nil,
		"absent": nil,
	} {
		p := filepath.Join(dir, name)

		switch name {
		case "absent":
		case "dir":
			if err := os.Mkdir(p, 0o700); err != nil {
				t.Fatal(err)
			}
		default:
			if err := os.WriteFile(p, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}

		r, err := inspect.Path(t.Context(), p)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %+v, %v, want %q", name, r, err, name)
		}
	}
}

func TestTheReportIsJSONAndTheMapIsSVG(t *testing.T) {
	r := report(t, disk(t, diskimage.Spec{}))

	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}

	var back inspect.Report
	if err := json.Unmarshal(b, &back); err != nil || back.Boot.Rootfs.Version != diskimage.Version {
		t.Errorf("got %v: %+v, want Talos %s", err, back.Boot, diskimage.Version)
	}

	var out bytes.Buffer
	if err := render.SVG(&out, r); err != nil {
		t.Fatal(err)
	}

	for d := xml.NewDecoder(&out); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheMapIsToScale(t *testing.T) {
	r := &inspect.Report{Size: 100 << 20, Regions: []inspect.Region{
		{Name: "half", Kind: inspect.RegionPartition, Offset: 0, Size: 50 << 20},
		{Name: "quarter", Kind: inspect.RegionPartition, Offset: 50 << 20, Size: 25 << 20},
		{Name: "free", Kind: inspect.RegionGap, Offset: 75 << 20, Size: 25 << 20},
	}}

	var cells []int

	for line := range strings.Lines(render.Map(r, 146)) {
		if _, bar, ok := strings.Cut(line, "│"); ok {
			cells = append(cells, strings.Count(bar, "█")+strings.Count(bar, "·"))
		}
	}

	if !slices.Equal(cells, []int{50, 25, 25}) {
		t.Errorf("got %v cells of 100, want 50, 25, 25", cells)
	}
}

// imageOf is a medium as an open image.
func imageOf(r io.ReaderAt, size int64) *image.Disk {
	return &image.Disk{ReaderAt: r, Path: "medium", Format: image.Raw, FileSize: size, Size: size, SectorSize: 512}
}

func TestAnOverlaysDocumentsAreNotReadWithoutEnd(t *testing.T) {
	dir := t.TempDir()

	for name, size := range map[string]int64{"oci-layout": 2, "index.json": 1 << 40} {
		p := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(p, nil, 0o600), os.Truncate(p, size)); err != nil {
			t.Fatal(err)
		}
	}

	if r, err := inspect.Path(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "more than the 1048576 that are read") {
		t.Errorf("got %+v, %v", r, err)
	}
}
