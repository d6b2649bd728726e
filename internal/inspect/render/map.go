// SPDX-License-Identifier: MPL-2.0

// Package render writes reports for people: as text, and as a map to scale in text and in SVG.
package render

import (
	"fmt"
	"strings"

	"talos-nanopi-m6/internal/inspect"
)

// strip is a part of the disk that is drawn to one scale.
type strip struct {
	title      string
	start, end int64 // bytes
	regions    []inspect.Region
}

// strips are the whole disk and, since what the board starts from is a hundredth of it, its front on a scale of its own.
func strips(r *inspect.Report) []strip {
	if len(r.Regions) == 0 || r.Size == 0 {
		return nil
	}

	whole := strip{title: "whole disk", end: r.Size}
	front := strip{title: "before the first partition"}

	for _, g := range r.Regions {
		if g.Kind == inspect.RegionPartition {
			front.end = g.Offset

			break
		}
	}

	for _, g := range r.Regions {
		if g.Offset < front.end && g.End() <= front.end {
			front.regions = append(front.regions, g)
		} else {
			whole.regions = append(whole.regions, g)
		}
	}

	if front.end == 0 || front.end == r.Size {
		whole.regions = r.Regions

		return []strip{whole}
	}

	whole.regions = append([]inspect.Region{{Name: "front (above)", Kind: inspect.RegionLoader, Size: front.end}}, whole.regions...)

	return []strip{front, whole}
}

// bar are eighths of a cell.
var bar = []rune(" ▏▎▍▌▋▊▉█")

// draw shows a region's place in n cells, to an eighth of a cell; what is smaller shows as one eighth.
func (s strip) draw(g inspect.Region, n int) string {
	scale := float64(n*8) / float64(s.end-s.start)
	from := int(float64(g.Offset-s.start) * scale)
	to := max(int(float64(g.End()-s.start)*scale), from+1)

	var b strings.Builder

	for cell := range n {
		low, high := max(from, cell*8), min(to, cell*8+8)

		switch {
		case low >= high:
			b.WriteRune(' ')
		case g.Kind == inspect.RegionGap:
			b.WriteRune('·')
		case low > cell*8: // begins within the cell: there are no blocks for its right part, so show the whole one
			b.WriteRune('▐')
		default:
			b.WriteRune(bar[high-low])
		}
	}

	return b.String()
}

// Map draws the disk to scale, with lines of about width cells.
func Map(r *inspect.Report, width int) string {
	const labels = 46

	cells := min(max(width-labels, 16), 100)

	var b strings.Builder

	for _, s := range strips(r) {
		fmt.Fprintf(&b, "%s, to scale: %s\n", s.title, Bytes(s.end-s.start))

		for _, g := range s.regions {
			fmt.Fprintf(&b, "  %11s %10s │%s│ %s\n", Bytes(g.Offset), Bytes(g.Size), s.draw(g, cells), g.Name)
		}
	}

	return b.String()
}

// Bytes writes a size as people read it; exact where it is a whole number of the unit.
func Bytes(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, k := float64(n), 0

	for v >= 1024 && k < len(units)-1 {
		v /= 1024
		k++
	}

	if v == float64(int64(v)) {
		return fmt.Sprintf("%d %s", int64(v), units[k])
	}

	return fmt.Sprintf("%.1f %s", v, units[k])
}
