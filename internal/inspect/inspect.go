// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/u-root/u-root/pkg/dt"

	"talos-nanopi-m6/internal/fdt"
	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect/gpt"
	"talos-nanopi-m6/internal/inspect/kernel"
	"talos-nanopi-m6/internal/inspect/loader"
	"talos-nanopi-m6/internal/rockchip"
)

// Path inspects what is at a path: a disk image (raw, zstd, xz), a block device, a boot loader, an idbloader, a FIT image, a
// device tree, a kernel, an overlay directory or an OCI layout. An error is only returned where nothing can be told; what is
// wrong inside is in the report.
func Path(ctx context.Context, path string) (*Report, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}

	if st.IsDir() {
		o, err := readOverlay(path)
		if err != nil {
			return nil, err
		}

		return &Report{Source: path, Kind: KindOverlay, Overlay: o}, nil
	}

	d, err := image.OpenDisk(ctx, path)
	if err != nil {
		return nil, err
	}
	defer d.Close() // read only

	return Disk(ctx, d)
}

// ErrUnknown says that a file is none of the things that are understood.
var ErrUnknown = errors.New("neither a disk image nor one of the files it is made of")

// Disk inspects an open image.
func Disk(ctx context.Context, d *image.Disk) (*Report, error) {
	r := &Report{Source: d.Path, Kind: KindDisk, Format: d.Format, FileSize: d.FileSize, Size: d.Size}
	if d.Device {
		r.Kind = KindDevice
	}

	head := make([]byte, min(d.Size, 64))
	if _, err := d.ReadAt(head, 0); err != nil {
		return nil, fmt.Errorf("%s: %w", d.Path, err)
	}

	if !d.Device {
		if known, err := r.artifact(d, head); known || err != nil {
			return r, err
		}
	}

	r.disk(ctx, d)

	if r.GPT == nil && r.Loader == nil && !d.Device {
		return nil, fmt.Errorf("%s: %w", d.Path, ErrUnknown)
	}

	return r, nil
}

// artifact looks at files that are not disks.
func (r *Report) artifact(d *image.Disk, head []byte) (bool, error) {
	block := func(at int64) bool {
		b := make([]byte, 4)
		_, err := d.ReadAt(b, at)

		return err == nil && string(b) == rockchip.Magic
	}

	switch {
	case bytes.HasPrefix(head, []byte(rockchip.Magic)):
		r.Kind = KindLoader
		r.Loader = loader.ReadFile(d, rockchip.MMC)

		if r.Loader.FITAt == 0 && d.Size <= rockchip.MMC.FIT-rockchip.MMC.FileStart {
			r.Kind = KindIDBlock
			r.Loader = loader.ReadIDBlock(d)
		}
	case block(rockchip.SPI.IDBlock) && d.Size <= 64<<20 && !isDisk(d):
		r.Kind = KindSPILoader
		r.Loader = loader.Read(d, rockchip.SPI)
	case len(head) >= 4 && binary.BigEndian.Uint32(head) == dt.Magic:
		b := make([]byte, min(d.Size, maxTree))
		if _, err := d.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}

		tree, err := fdt.Read(b)
		if err == nil && fdt.Lookup(tree.RootNode, "/images") != nil {
			r.Kind = KindFIT
			r.Loader = loader.ReadFIT(d)

			return true, nil
		}

		if d.Size > maxTree {
			return false, fmt.Errorf("%s: %d bytes, more than the %d a device tree may have", d.Path, d.Size, maxTree)
		}

		r.Kind = KindDeviceTree
		t := readDeviceTree(b)
		r.DeviceTree = &t
	case len(head) == 64 && (string(head[56:60]) == "ARM\x64" || string(head[:2]) == "MZ" && string(head[4:8]) == "zimg"):
		r.Kind = KindKernel
		k := kernel.Read(d, d.Size)
		r.Kernel = &k
	default:
		return false, nil
	}

	return true, nil
}

// isDisk tells a disk image by its partition table from an SPI image, which has an idblock at the same place.
func isDisk(d *image.Disk) bool {
	b := make([]byte, 8)
	_, err := d.ReadAt(b, 512)

	return err == nil && string(b) == "EFI PART"
}

// disk reads everything a disk has.
func (r *Report) disk(ctx context.Context, d *image.Disk) {
	r.Loader = loader.Read(d, rockchip.MMC)

	var err error
	if r.GPT, err = gpt.Read(d, d.Size, d.SectorSize); err != nil {
		r.problem(err)
		r.Regions = regions(r)

		return
	}

	for _, p := range r.GPT.Partitions {
		part := io.NewSectionReader(d, p.Offset, p.Size)

		switch {
		case p.Type == gpt.TypeEFI:
			r.EFI = readEFI(part, p.Size)
		case p.Name == "BOOT":
			r.Boot = readBoot(ctx, part, p.Size)
		}
	}

	r.Regions = regions(r)
}

// regions are the disk's parts in order, with the gaps between them.
func regions(r *Report) []Region {
	var list []Region

	add := func(name string, kind RegionKind, offset, size int64) {
		if size > 0 {
			list = append(list, Region{name, kind, offset, size})
		}
	}

	if l := r.Loader; l != nil {
		if n := len(l.Stages); n > 0 {
			end := l.Stages[n-1].Offset + l.Stages[n-1].Size
			add("idblock", RegionLoader, l.IDBlockAt, end)
		}

		if n := len(l.Images); n > 0 {
			end := int64(0)
			for _, i := range l.Images {
				end = max(end, i.Offset+i.Size)
			}

			add("U-Boot FIT", RegionLoader, l.FITAt, end)
		}
	}

	if g := r.GPT; g != nil {
		sector := int64(g.SectorSize)
		add("protective MBR", RegionTable, 0, sector)

		for name, h := range map[string]*gpt.Header{"GPT": g.Primary, "backup GPT": g.Backup} {
			if h != nil {
				add(name+" header", RegionTable, int64(h.LBA)*sector, sector)
				add(name+" entries", RegionTable, int64(h.Entries)*sector, int64(h.EntryCount)*gpt.EntrySize)
			}
		}

		for _, p := range g.Partitions {
			add(p.Name, RegionPartition, p.Offset, p.Size)
		}
	}

	slices.SortFunc(list, func(a, b Region) int { return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Size, b.Size)) })

	return withGaps(list, r.Size)
}

// withGaps fills in what lies between regions. Regions that overlap leave no gap; verify says what is wrong with them.
func withGaps(list []Region, size int64) []Region {
	var (
		out []Region
		end int64
	)

	for _, g := range list {
		if g.Offset > end {
			out = append(out, Region{"free", RegionGap, end, g.Offset - end})
		}

		out = append(out, g)
		end = max(end, g.End())
	}

	if size > end {
		out = append(out, Region{"free", RegionGap, end, size - end})
	}

	return out
}
