// SPDX-License-Identifier: MPL-2.0

package kernel

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

const text = "Linux version 6.12.117-nanopi (test@m6) (gcc) #1 SMP"

// image is an arm64 Image with its banner at a place.
func image(at, size int) []byte {
	b := make([]byte, size)
	copy(b[56:], "ARM\x64")
	copy(b[at:], text+"\n\x00")

	return b
}

// zboot is a self-extracting image of a payload.
func zboot(payload []byte) []byte {
	b := make([]byte, 64, 64+len(payload))
	copy(b, "MZ\x00\x00zimg")
	binary.LittleEndian.PutUint32(b[8:], 64)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(payload)))
	copy(b[24:], "gzip")

	return append(b, payload...)
}

func TestABannerIsFoundWherePiecesMeet(t *testing.T) {
	const piece = 1 << 20

	for _, at := range []int{100, piece - len(text), piece - len(text)/2, piece - 1, piece, 2*piece - maxBanner - 3, 3*piece - len(text) - 2} {
		b := image(at, 3*piece)

		if k := Read(bytes.NewReader(b), int64(len(b))); k.Banner != text || k.Release != "6.12.117-nanopi" {
			t.Errorf("at %d: got %q of %q", at, k.Release, k.Banner)
		}
	}
}

func TestADamagedPayloadIsSaidWhereverItIs(t *testing.T) {
	var packed bytes.Buffer

	z := gzip.NewWriter(&packed)
	if _, err := z.Write(image(5000, 4<<20)); err != nil {
		t.Fatal(err)
	}

	if err := errors.Join(z.Close()); err != nil {
		t.Fatal(err)
	}

	b := zboot(packed.Bytes())
	if k := Read(bytes.NewReader(b), int64(len(b))); k.Banner != text || k.Compression != "gzip" {
		t.Errorf("got %+v", k)
	}

	b[len(b)-6] ^= 1 // its checksum, which comes last
	if k := Read(bytes.NewReader(b), int64(len(b))); !strings.Contains(k.Problem, "checksum") {
		t.Errorf("damaged: got %+v, want a problem", k)
	}
}
