// SPDX-License-Identifier: MPL-2.0

package gpt_test

import (
	"testing"

	"talos-nanopi-m6/internal/fixture/diskimage"
	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/inspect/gpt"
)

// FuzzTable damages a partition table; what is read of it ends, without a panic.
func FuzzTable(f *testing.F) {
	const size = 32 << 20

	d := diskimage.Spec{Size: size, NoFiles: true, Small: true}.File(f)
	sectors := []int64{0, 1, 20482, 20483, size/512 - 1, size/512 - 33}

	f.Add([]byte{0, 1, 0, 32, 1})
	f.Add([]byte{0, 1, 0, 72, 0xff, 0, 1, 0, 80, 0x40})
	f.Add([]byte{0, 2, 0, 32, 0xff, 0, 2, 0, 40, 0x80})
	f.Add([]byte{0, 0, 1, 0xfe, 0xff})

	f.Fuzz(func(t *testing.T, patch []byte) {
		m := diskimage.Damage(d, patch, sectors)

		if g, err := gpt.Read(m, size, 512); err == nil {
			for _, p := range g.Partitions {
				if p.Offset < 0 || p.Size <= 0 || p.Offset+p.Size > size {
					t.Errorf("got a partition of %d bytes at %d, want one within %d", p.Size, p.Offset, size)
				}
			}
		}

		_, _ = inspect.Unused(m, size)
	})
}
