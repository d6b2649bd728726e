// SPDX-License-Identifier: MPL-2.0

//go:build life

package node_test

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var volumeReady = regexp.MustCompile(`"volume": "(META|STATE|EPHEMERAL)", "phase": "[^"]* -> ready", .*"parentLocation": "([^"]+)"`)

// volumes gives the disks that META, STATE and EPHEMERAL are on, as the node says when it finds them.
func (n *node) volumes() map[string]string {
	n.t.Helper()

	disks := map[string]string{}

	n.until("volumes", func(context.Context) error {
		for _, m := range volumeReady.FindAllStringSubmatch(n.said(), -1) {
			disks[m[1]] = m[2]
		}

		if len(disks) < 3 {
			return fmt.Errorf("got %v, want META, STATE and EPHEMERAL", disks)
		}

		return nil
	})

	return disks
}

// The check two-disks has which disk is started, for every two kinds. Here Talos is on both: on NVMe the second version, on the
// other one the first, configured or as it was flashed. META, STATE and EPHEMERAL are taken from a disk each, the one that Talos
// finds them on first; a disk that none is taken from stays as it is.
func TestOfTwoDisksWithTalosTheOneThatIsNotTakenStaysAsItIs(t *testing.T) {
	l := newLife(t, onNVMe, "two")
	configured := filepath.Join(l.dir, "configured.raw")
	flashed := l.image("flashed.raw", 2<<30)

	l.flashed()

	l.step("upgrade to a second version", func(*testing.T) {
		l.up("none")
		l.snapshot(configured)
		l.upgraded("installer:two")
		l.boot(l.disk)
		l.runs("two")
		l.pull()
	})

	for _, tt := range []struct {
		kind    string
		name    string   // what the node's names of it begin with
		devices []string // with the second disk as the block node second
		content string   // a disk's
		version string   // whose kernel runs: none is the second disk's
	}{
		{"a virtio disk", "/dev/vd", []string{"-device", "virtio-blk-pci,drive=second,romfile="}, configured, "two"},
		{"an eMMC module", "/dev/mmcblk", slices.Concat(slot, sd("second"), slot), configured, "two"},
		{"an SD card that was never configured", "/dev/mmcblk", slices.Concat(slot, slot, sd("second")), flashed, "none"},
	} {
		l.step("NVMe beside "+tt.kind, func(t *testing.T) {
			first, second := filepath.Join(l.dir, "first.raw"), filepath.Join(l.dir, "second.raw")
			copied(t, l.disk, first)
			copied(t, tt.content, second)
			l.boot(first, append(raw("second", second), tt.devices...)...)

			if got := l.version(); got != tt.version {
				t.Errorf("got the kernel of version %q, want %q", got, tt.version)
			}

			taken := l.volumes()
			t.Log(taken)
			l.pull()

			var fromFirst, fromSecond bool

			for volume, disk := range taken {
				switch {
				case disk == nvme:
					fromFirst = true
				case strings.HasPrefix(disk, tt.name):
					fromSecond = true
				default:
					t.Errorf("got %s on %s, want it on %s or %s…", volume, disk, nvme, tt.name)
				}
			}

			if !fromFirst {
				command(t, "cmp", l.disk, first)
			}

			if !fromSecond {
				command(t, "cmp", tt.content, second)
			}
		})
	}

	l.otherIsKept()
}
