// SPDX-License-Identifier: MPL-2.0

package disk

import (
	"slices"
	"strings"
)

// Host is a machine with disks. Each operating system has its own; a test has one of files.
type Host interface {
	// Targets lists the disks that could hold an image, the likely ones first: removable, then by name.
	Targets() ([]Target, error)
	// Target looks at one disk by its name.
	Target(device string) (Target, error)
	// Of looks at a disk that is open: what it is named by now, what holds it, and what it holds, by that very descriptor.
	Of(d *Disk) (Target, error)
	// Same says whether two paths lead to the same bytes.
	Same(a, b string) bool
	// Unmount unmounts everything of a disk that this machine does not run from.
	Unmount(t *Target) error
}

// likelyFirst sorts disks as Targets gives them.
func likelyFirst(list []Target) {
	slices.SortStableFunc(list, func(a, b Target) int {
		if a.Removable != b.Removable {
			if a.Removable {
				return -1
			}

			return 1
		}

		return strings.Compare(a.Path, b.Path)
	})
}
