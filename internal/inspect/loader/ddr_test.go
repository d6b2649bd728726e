// SPDX-License-Identifier: MPL-2.0

package loader

import (
	"bytes"
	"testing"

	"talos-nanopi-m6/internal/board"
)

// program is noise that prints something, padded as mkimage pads a stage.
func program(prints string) []byte {
	stage := append(bytes.Repeat([]byte{0xd5, 3, 0x20, 0x1f}, 500), "\n"+prints+"\n\x00\x01"...)

	return append(stage, make([]byte, -len(stage)&2047)...)
}

func TestABlobWithoutADigestOnRecordIsNamedByWhatItPrints(t *testing.T) {
	tried := 0

	for _, b := range board.KnownBlobs {
		if b.Prints == "" {
			continue
		}

		tried++

		d := identifyDDR(program(b.Prints))
		if d.Known == nil || d.Known.File != b.File || d.Version != b.Prints || d.SHA256 == "" {
			t.Errorf("%s: got %+v, want it named, with the digest that it has", b.File, d)
		}

		// A build of another minute is another blob.
		if d := identifyDDR(program(b.Prints[:len(b.Prints)-len(":13,fwver: v1.21")] + ":14,fwver: v1.21")); d.Known != nil || d.Version == "" {
			t.Errorf("another build than %s: got %+v, want no name", b.File, d)
		}
	}

	if tried == 0 {
		t.Error("got no blob that is known by what it prints, want one or more")
	}

	if d := identifyDDR(program("nothing")); d.Known != nil || d.Version != "" {
		t.Errorf("a program that prints nothing: got %+v, want no name", d)
	}
}
