// SPDX-License-Identifier: MPL-2.0

package inspect_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"testing"

	"talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/fixture/diskimage"
	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/inspect/render"
	"talos-nanopi-m6/internal/rockchip"
)

// FuzzArtifact reads any bytes as whatever they look like.
func FuzzArtifact(f *testing.F) {
	loader := rockchiploader.Small.Image(rockchip.MMC)
	fit := loader[rockchip.MMC.FIT-rockchip.MMC.FileStart:]

	tree, err := diskimage.Tree(board.Compatible...)
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

	for _, b := range [][]byte{loader[:20<<10], fit, tree, kernel, zboot, []byte("RKNS"), {0xd0, 0x0d, 0xfe, 0xed}} {
		f.Add(b)
	}

	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}

		r, err := inspect.Disk(t.Context(), &image.Disk{ReaderAt: bytes.NewReader(b), Path: "artifact", Format: image.Raw, FileSize: int64(len(b)), Size: int64(len(b)), SectorSize: 512})
		if err != nil {
			return
		}

		if err := render.Text(io.Discard, r, 100); err != nil {
			t.Error(err)
		}

		if err := render.SVG(io.Discard, r); err != nil {
			t.Error(err)
		}
	})
}
