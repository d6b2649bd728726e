// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"cmp"
	"slices"
)

// extent is a range of the disk, in bytes.
type extent struct{ start, end int64 }

func (e extent) size() int64 { return e.end - e.start }

// extents is a list of ranges in order, none of which touch.
type extents []extent

// add appends a range that starts at or behind the last one's end.
func (x extents) add(start, end int64) extents {
	if start >= end {
		return x
	}

	if n := len(x); n > 0 && x[n-1].end >= start {
		x[n-1].end = max(x[n-1].end, end)

		return x
	}

	return append(x, extent{start, end})
}

// normal sorts ranges and joins those that touch or overlap.
func normal(x []extent) extents {
	x = slices.Clone(x)
	slices.SortFunc(x, func(a, b extent) int { return cmp.Compare(a.start, b.start) })

	var out extents
	for _, e := range x {
		out = out.add(e.start, e.end)
	}

	return out
}

// without is x less what is in y.
func (x extents) without(y extents) extents {
	var out extents

	k := 0

	for _, e := range x {
		for k < len(y) && y[k].end <= e.start {
			k++
		}

		at := e.start

		for j := k; j < len(y) && y[j].start < e.end; j++ {
			out = out.add(at, y[j].start)
			at = max(at, y[j].end)
		}

		out = out.add(at, e.end)
	}

	return out
}

// total is the sum of all sizes, in bytes.
func (x extents) total() int64 {
	var n int64
	for _, e := range x {
		n += e.size()
	}

	return n
}

// inward shrinks each range to whole units.
func (x extents) inward(unit int64) extents {
	var out extents
	for _, e := range x {
		out = out.add((e.start+unit-1)/unit*unit, e.end/unit*unit)
	}

	return out
}
