// SPDX-License-Identifier: MPL-2.0

package verify

import (
	"fmt"
	"strings"

	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/inspect/loader"
	"talos-nanopi-m6/internal/rockchip"
)

// loader checks that the mask ROM and SPL would start a boot loader.
func (l *list) loader(b *loader.Loader, o Options) {
	if b == nil {
		l.add("loader", Fail, "no boot loader: the board's mask ROM passes this medium over (an image for a board whose loader is elsewhere: --loader-elsewhere)")

		return
	}

	if !b.Bootable {
		l.add("loader", Fail, "%s", b.Problem)

		return
	}

	switch {
	case len(b.Refused) > 0:
		l.add("loader", Warn, "the board starts from a second copy, since the first is damaged: %s", strings.Join(b.Refused, "; "))
	case len(b.Notes) > 0:
		l.add("loader", Warn, "%s", strings.Join(b.Notes, "; "))
	default:
		l.add("loader", Pass, "idblock at byte %d and both its programs have the %s sums the header promises", b.IDBlockAt, b.HashName)
	}

	l.ddr(b, o)
	l.add("fit", Pass, "%d images at byte %d have the sums SPL checks", len(b.Images), b.FITAt)
	l.addresses(b)
}

// part checks an idbloader or a FIT that stands alone.
func (l *list) part(r *inspect.Report) {
	b := r.Loader

	switch {
	case r.Kind == inspect.KindFIT && b.Problem != "":
		l.add("fit", Fail, "%s", b.Problem)
	case r.Kind == inspect.KindFIT:
		l.add("fit", Pass, "%d images have the sums SPL checks", len(b.Images))
		l.addresses(b)
	case len(b.Stages) == 0:
		l.add("loader", Fail, "%s", b.Problem)
	case strings.Contains(b.Problem, rockchip.ErrHash.Error()) || strings.Contains(b.Problem, rockchip.ErrTruncated.Error()):
		l.add("loader", Fail, "%s", b.Problem)
	default:
		l.add("loader", Pass, "both programs have the %s sums the header promises", b.HashName)
		l.ddr(b, Options{})
	}
}

// ddr checks the program that starts the memory.
func (l *list) ddr(b *loader.Loader, o Options) {
	switch d := b.DDR; {
	case d.Missing && o.AllowStandIn:
		l.add("ddr", Warn, "%s", rockchip.ErrStandIn)
	case d.Missing:
		l.add("ddr", Fail, "%s: build with one (--allow-stand-in for an image that only QEMU starts)", rockchip.ErrStandIn)
	case d.Known != nil && d.Known.SHA256 == "":
		l.add("ddr", Warn, "%s by what it prints (%s); no digest of it is on record to compare with its SHA-256, %s", d.Known.File, d, d.SHA256)
	case d.Known != nil:
		l.add("ddr", Pass, "%s", d.Known.File)
	default:
		l.add("ddr", Warn, "its SHA-256 is none of the known blobs': %s (%s)", d.SHA256, d)
	}
}

// window is a range of addresses.
type window struct {
	name       string
	start, end uint64
}

// memory is where SPL can load programs. The smallest board has 4 GiB, of which the part below the peripherals is at its
// own address (RK3588 TRM, address mapping; TF-A 2.12, plat/rockchip/rk3588/rk3588_def.h for the two SRAMs).
var memory = []window{
	{"RAM", 0, 0xf0000000},
	{"SRAM", 0xff000000, 0xff100000},
	{"PMU SRAM", 0xff100000, 0xff120000},
}

// addresses checks where SPL loads the FIT's images.
func (l *list) addresses(b *loader.Loader) {
	var taken []window

	for _, i := range b.Images {
		if i.Load == nil {
			continue // SPL puts the device tree behind U-Boot
		}

		w := window{i.Name, *i.Load, *i.Load + uint64(i.Size)}

		if !inside(w) {
			l.add("addresses", Fail, "%s would be loaded to %#x, where no memory is", i.Name, *i.Load)

			return
		}

		for _, other := range taken {
			if w.start < other.end && other.start < w.end {
				l.add("addresses", Fail, "%s at %#x and %s at %#x would overwrite each other", other.name, other.start, w.name, w.start)

				return
			}
		}

		if i.Entry != nil && (*i.Entry < w.start || *i.Entry >= w.end) {
			l.add("addresses", Fail, "%s would be entered at %#x, outside of it", i.Name, *i.Entry)

			return
		}

		taken = append(taken, w)
	}

	l.add("addresses", Pass, "%d images are loaded to memory and clear of each other", len(taken))
}

func inside(w window) bool {
	for _, m := range memory {
		if w.start >= m.start && w.end <= m.end && w.start <= w.end {
			return true
		}
	}

	return false
}

// placement checks that the loader is clear of everything else on the disk.
func (l *list) placement(r *inspect.Report) {
	var loaders, others []inspect.Region

	for _, g := range r.Regions {
		switch g.Kind {
		case inspect.RegionLoader:
			loaders = append(loaders, g)
		case inspect.RegionTable, inspect.RegionPartition:
			others = append(others, g)
		case inspect.RegionGap:
		}
	}

	for n, a := range loaders {
		for _, b := range append(others, loaders[n+1:]...) {
			if a.Offset < b.End() && b.Offset < a.End() {
				l.add("placement", Fail, "%s", overlap(a, b))

				return
			}
		}
	}

	for n, a := range others {
		for _, b := range others[n+1:] {
			if a.Offset < b.End() && b.Offset < a.End() {
				l.add("placement", Fail, "%s", overlap(a, b))

				return
			}
		}
	}

	l.add("placement", Pass, "boot loader, partition table and partitions are clear of each other")
}

func overlap(a, b inspect.Region) string {
	return fmt.Sprintf("%s (bytes %d to %d) and %s (bytes %d to %d) overlap", a.Name, a.Offset, a.End(), b.Name, b.Offset, b.End())
}
