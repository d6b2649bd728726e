// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package disk

import (
	"os"

	"talos-nanopi-m6/internal/inspect/gpt"
)

// content adds what is on a disk, and whether a person would miss nothing of it.
func content(t *Target, d *Disk) {
	parts, err := gpt.Primary(d, d.size)
	if err != nil {
		var more []string

		more, t.Known = remains(d, d.size)
		t.Content = append(t.Content, more...)

		return
	}

	t.Known = gpt.Talos(parts) || len(parts) == 0
	t.Content = append(t.Content, "gpt")

	for _, p := range parts {
		t.Content = append(t.Content, p.Name)
	}
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}

	y, err := os.Stat(b)

	return err == nil && os.SameFile(x, y)
}
