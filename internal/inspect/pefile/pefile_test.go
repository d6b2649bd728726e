// SPDX-License-Identifier: MPL-2.0

package pefile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"talos-nanopi-m6/internal/fixture/diskimage"
	"talos-nanopi-m6/internal/inspect/pefile"
)

func TestCountsThatShareTheirBytesAreRefused(t *testing.T) {
	le := binary.LittleEndian

	for name, change := range map[string]func(b []byte){
		"65535 sections": func(b []byte) { le.PutUint16(b[64+6:], 0xffff) },
		"symbols":        func(b []byte) { le.PutUint32(b[64+12:], 64); le.PutUint32(b[64+16:], 0xffffffff) },
		"relocations": func(b []byte) {
			le.PutUint16(b[64+6:], 2)

			for _, section := range [][]byte{b[200:], b[240:]} { // both of them over the same bytes
				le.PutUint32(section[24:], 64)
				le.PutUint16(section[32:], 0xffff)
			}
		},
	} {
		b := diskimage.GRUB("(,gpt3)/grub", "")
		change(b)

		if f, err := pefile.Open(bytes.NewReader(b)); !errors.Is(err, pefile.ErrTooMuch) {
			t.Errorf("%s: got %v, %v, want %v", name, f, err, pefile.ErrTooMuch)
		}
	}

	if _, err := pefile.Open(bytes.NewReader(diskimage.GRUB("(,gpt3)/grub", ""))); err != nil {
		t.Errorf("a program: got %v", err)
	}
}
