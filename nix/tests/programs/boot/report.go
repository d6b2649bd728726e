// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"talos-nanopi-m6/internal/qemu"
)

// table shows when each stage was reached, in order.
func table(seconds map[string]float64) string {
	var b strings.Builder

	names := slices.SortedFunc(maps.Keys(seconds), func(x, y string) int {
		return cmp.Or(cmp.Compare(seconds[x], seconds[y]), cmp.Compare(x, y))
	})

	for _, n := range names {
		fmt.Fprintf(&b, "%8.2f s  %s\n", seconds[n], n)
	}

	return b.String()
}

func format(l qemu.Line) string {
	return fmt.Sprintf("%8.2f %-8s| %s\n", l.At.Seconds(), l.Port, l.Text)
}

// lastLines are the last n lines of the log.
func lastLines(lines []qemu.Line, n int) string {
	var b strings.Builder

	for _, l := range lines[max(0, len(lines)-n):] {
		b.WriteString(format(l))
	}

	if b.Len() == 0 {
		return "(nothing was printed)"
	}

	return strings.TrimRight(b.String(), "\n")
}

// keep writes the whole log to a file.
func keep(path string, lines []qemu.Line) error {
	return os.WriteFile(path, []byte(lastLines(lines, len(lines))+"\n"), 0o644) // a log
}
