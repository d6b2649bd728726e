// SPDX-License-Identifier: MPL-2.0

package grub_test

import (
	"bytes"
	"testing"

	"talos-nanopi-m6/internal/fixture/diskimage"
	"talos-nanopi-m6/internal/inspect/grub"
)

func TestWhereGRUBLooksIsRead(t *testing.T) {
	for _, want := range []grub.Image{
		{Prefix: "(,gpt3)/grub"},
		{Prefix: "(hd0,gpt3)/grub"},
		{Prefix: "/grub", Config: "search.fs_uuid 1234 root\nset prefix=($root)'/grub'\n"},
	} {
		got := grub.ReadImage(diskimage.GRUB(want.Prefix, want.Config))
		if got == nil || *got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestAnotherProgramIsNotTakenForGRUB(t *testing.T) {
	other := bytes.Replace(diskimage.GRUB("/grub", ""), []byte("mods"), []byte("text"), 1)
	if got := grub.ReadImage(other); got != nil {
		t.Errorf("got %+v, want nothing", got)
	}
}

func TestADamagedGRUBIsSaidToBe(t *testing.T) {
	whole := diskimage.GRUB("(,gpt3)/grub", "")
	at := bytes.Index(whole, []byte("mimg"))

	for name, place := range map[string]int{"magic": at, "first object": at + 9, "end": at + 17, "object's length": at + 24 + 5} {
		b := bytes.Clone(whole)
		b[place] ^= 0xff

		if got := grub.ReadImage(b); got == nil || got.Problem == "" {
			t.Errorf("%s: got %+v, want a problem", name, got)
		}
	}
}

func TestADiskNamedByNumberIsFound(t *testing.T) {
	for text, want := range map[string]string{
		"(hd0,gpt3)/grub":                   "(hd0,gpt3)",
		"set root=(hd1,gpt3)\n":             "(hd1,gpt3)",
		"set root='hd2,gpt3'\n":             "root='hd2,gpt3",
		"(,gpt3)/grub":                      "",
		"search.fs_uuid 12 root\n":          "",
		"search.fs_uuid 12 root hd0,gpt3\n": "",
		"linux /A/vmlinuz root=/dev/hd0":    "",
	} {
		if got := grub.NumberedDisk(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
