// SPDX-License-Identifier: MPL-2.0

package initramfs

import "testing"

// FuzzInitramfs reads any bytes as an initramfs, in the process that is made for it.
func FuzzInitramfs(f *testing.F) {
	f.Add(archive(f, map[string][]byte{"init": []byte("x"), "rootfs.sqsh": squashHeader(func([]byte) {})}))
	f.Add([]byte("070701"))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd})

	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := read(t, b)
		if err == nil && r == nil {
			t.Error("got neither an answer nor an error, want one of them")
		}
	})
}
