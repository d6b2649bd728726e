// SPDX-License-Identifier: MPL-2.0

package rockchip_test

import (
	"bytes"
	"errors"
	"testing"

	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/rockchip"
)

var layouts = map[string]rockchip.Layout{"mmc": rockchip.MMC, "spi": rockchip.SPI}

// written gives a medium of 12 MiB with an image where it belongs.
func written(layout rockchip.Layout, image []byte) []byte {
	medium := make([]byte, 12<<20)
	copy(medium[layout.FileStart:], image)

	return medium
}

func TestWholeLoaderPassesAndIsFound(t *testing.T) {
	for name, layout := range layouts {
		for _, spec := range []rockchiploader.Spec{rockchiploader.Small, rockchiploader.Real} {
			image := spec.Image(layout)

			loader, err := rockchip.ParseLoader(image, layout)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}

			if loader.StandIn {
				t.Errorf("%s: got a stand-in, want a DDR blob", name)
			}

			found, err := rockchip.Search(bytes.NewReader(written(layout, image)), layout)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}

			if found.IDBlockAt != layout.IDBlock || found.FITAt != layout.FIT || len(found.FIT.Images) != 4 {
				t.Errorf("%s: got %+v, want idblock and FIT of 4 images in their first places", name, found)
			}
		}
	}
}

func TestStandInIsSeen(t *testing.T) {
	spec := rockchiploader.Small
	spec.StandIn = true

	loader, err := rockchip.ParseLoader(spec.Image(rockchip.MMC), rockchip.MMC)
	if err != nil {
		t.Fatal(err)
	}

	if !loader.StandIn {
		t.Error("got a DDR blob, want a stand-in")
	}
}

// Every byte that counts: whatever is flipped in a header, a stage or an image is found.
func TestFlippedBitIsRefused(t *testing.T) {
	for name, layout := range layouts {
		image := rockchiploader.Small.Image(layout)

		loader, err := rockchip.ParseLoader(image, layout)
		if err != nil {
			t.Fatal(err)
		}

		idStart := int(layout.IDBlock - layout.FileStart)

		for i := range loader.IDBlock {
			// What follows the 32 bytes of hash in the header's last sector is unused.
			if i >= 1536+32 && i < rockchip.HeaderSize {
				continue
			}

			image[idStart+i] ^= 0x10

			if _, err := rockchip.ParseLoader(image, layout); err == nil {
				t.Fatalf("%s: flipped bit in byte %d of the idblock passes: got no error, want one", name, i)
			}

			image[idStart+i] ^= 0x10
		}

		fit, err := rockchip.ReadFIT(bytes.NewReader(loader.FIT), 0)
		if err != nil {
			t.Fatal(err)
		}

		for _, part := range fit.Images {
			for i := range part.Size {
				loader.FIT[part.Offset+i] ^= 0x10

				if _, err := rockchip.ParseLoader(image, layout); !errors.Is(err, rockchip.ErrHash) {
					t.Fatalf("%s: flipped bit in byte %d of %s: got %v, want %v", name, i, part.Name, err, rockchip.ErrHash)
				}

				loader.FIT[part.Offset+i] ^= 0x10
			}
		}
	}
}

func TestEveryCutIsRefused(t *testing.T) {
	image := rockchiploader.Small.Image(rockchip.MMC)
	fit := int(rockchip.MMC.FIT - rockchip.MMC.FileStart)

	for n := len(image) - 1; n >= fit-100; n-- {
		if _, err := rockchip.ParseLoader(image[:n], rockchip.MMC); err == nil {
			t.Fatalf("%d of %d bytes pass: got no error, want one", n, len(image))
		}
	}

	for n := range 20000 {
		if _, err := rockchip.ParseLoader(image[:n], rockchip.MMC); !errors.Is(err, rockchip.ErrTruncated) {
			t.Fatalf("%d of %d bytes: got %v, want %v", n, len(image), err, rockchip.ErrTruncated)
		}
	}
}

func TestWhatIsNoLoaderIsNamed(t *testing.T) {
	noHash := rockchiploader.Small
	noHash.NoHash = true

	large := rockchiploader.Small
	large.SPL = 600 << 10

	largeFIT := rockchiploader.Small
	largeFIT.UBoot = 5 << 20

	for name, tc := range map[string]struct {
		image []byte
		want  error
	}{
		"nothing":              {nil, rockchip.ErrTruncated},
		"zeros":                {make([]byte, 10<<20), rockchip.ErrNoIDBlock},
		"FIT without hashes":   {noHash.Image(rockchip.MMC), rockchip.ErrNoFIT},
		"SPL larger than room": {large.Image(rockchip.MMC), rockchip.ErrLayout},
		"FIT larger than room": {largeFIT.Image(rockchip.MMC), rockchip.ErrLayout},
		"no FIT":               {append(rockchiploader.Small.Image(rockchip.MMC)[:rockchip.MMC.FIT-rockchip.MMC.FileStart], make([]byte, 9999)...), rockchip.ErrNoFIT},
	} {
		if _, err := rockchip.ParseLoader(tc.image, rockchip.MMC); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, not %v", name, err, tc.want)
		}
	}
}

func TestSearchGoesOnToTheSecondPlaces(t *testing.T) {
	image := rockchiploader.Small.Image(rockchip.MMC)

	loader, err := rockchip.ParseLoader(image, rockchip.MMC)
	if err != nil {
		t.Fatal(err)
	}

	for n := range int64(rockchip.MMC.Copies) {
		medium := make([]byte, 12<<20)
		at := rockchip.MMC.IDBlock + n*rockchip.MMC.Stride
		copy(medium[at:], loader.IDBlock)
		copy(medium[rockchip.MMC.BackupFIT:], loader.FIT)

		found, err := rockchip.Search(bytes.NewReader(medium), rockchip.MMC)
		if err != nil {
			t.Fatal(err)
		}

		if found.IDBlockAt != at || found.FITAt != rockchip.MMC.BackupFIT || len(found.Refused) != int(n)+1 {
			t.Errorf("got %+v, want the idblock at %d, the second FIT, and %d refused", found, at, n+1)
		}
	}

	beyond := make([]byte, 12<<20)
	copy(beyond[rockchip.MMC.IDBlock+int64(rockchip.MMC.Copies)*rockchip.MMC.Stride:], loader.IDBlock)

	if _, err := rockchip.Search(bytes.NewReader(beyond), rockchip.MMC); !errors.Is(err, rockchip.ErrNotBootable) {
		t.Errorf("a copy behind the last: got %v, want %v", err, rockchip.ErrNotBootable)
	}

	noFIT := make([]byte, 12<<20)
	copy(noFIT[rockchip.MMC.IDBlock:], loader.IDBlock)

	if _, err := rockchip.Search(bytes.NewReader(noFIT), rockchip.MMC); !errors.Is(err, rockchip.ErrNotBootable) {
		t.Errorf("no FIT: got %v, want %v", err, rockchip.ErrNotBootable)
	}
}

func TestBackupIDBlockIsClearOfEverything(t *testing.T) {
	for _, tc := range []struct {
		layout       rockchip.Layout
		idblock, fit int64
		want         int64
	}{
		{rockchip.MMC, 300 << 10, 1100 << 10, 1088 * 512},
		{rockchip.MMC, 600 << 10, 1100 << 10, 2112 * 512},
		{rockchip.SPI, 300 << 10, 1100 << 10, 0x188000},
		{rockchip.SPI, 300 << 10, 1600 << 10, 0x208000},
		{rockchip.SPI, 300 << 10, 3000 << 10, 0x388000},
	} {
		if got, ok := tc.layout.BackupIDBlock(tc.idblock, tc.fit); !ok || got != tc.want {
			t.Errorf("%s, idblock %d, FIT %d: %#x (%v), not %#x", tc.layout.Medium, tc.idblock, tc.fit, got, ok, tc.want)
		}
	}

	if at, ok := rockchip.MMC.BackupIDBlock(3<<20, 1<<20); ok {
		t.Errorf("an idblock of 3 MiB: got a second place at %d, want none", at)
	}
}

func FuzzParseLoader(f *testing.F) {
	image := rockchiploader.Small.Image(rockchip.MMC)
	fit := image[rockchip.MMC.FIT-rockchip.MMC.FileStart:]

	f.Add(image[:9000], fit)
	f.Add([]byte("RKNS"), []byte("\xd0\x0d\xfe\xed\x00\x00\x10\x00"))

	f.Fuzz(func(t *testing.T, idblock, fit []byte) {
		medium := make([]byte, 16<<10, len(idblock)+len(fit)+16<<10)
		layout := rockchip.Layout{File: "fuzz", IDBlock: 16 << 10, Stride: 1 << 20, Copies: 2, FIT: int64(16<<10 + len(idblock)), BackupFIT: 2 << 20}
		medium = append(append(medium, idblock...), fit...)

		loader, err := rockchip.ParseLoader(medium, layout)

		found, searchErr := rockchip.Search(bytes.NewReader(medium), layout)
		if err == nil && (searchErr != nil || found.FIT.Size != int64(len(loader.FIT))) {
			t.Fatalf("got a loader that the board does not start (%v), want an error", searchErr)
		}
	})
}
