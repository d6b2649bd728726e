// SPDX-License-Identifier: MPL-2.0

package grub

import "testing"

// FuzzGRUB reads any text as GRUB's configuration.
func FuzzGRUB(f *testing.F) {
	f.Add("set default=\"A - Talos\"\nmenuentry \"A - Talos\" {\n  linux /A/vmlinuz console=ttyS2 a\\$b\n  initrd /A/initramfs.xz\n}\n")
	f.Add("menuentry \"x\" {\n}\nset default=\"\"")

	f.Fuzz(func(t *testing.T, s string) {
		list, _ := Parse(s)
		for _, e := range list {
			for _, a := range e.Args {
				if a == "" {
					t.Errorf("got an empty argument of %q, want none", s)
				}
			}
		}
	})
}
