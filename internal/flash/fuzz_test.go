// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"bytes"
	"maps"
	"testing"
)

// FuzzMeta reads any bytes as a META block, and what can be stored comes back.
func FuzzMeta(f *testing.F) {
	b, err := packMeta(map[uint8]string{0x0a: "addresses: []\n", 0x0f: "uuid"})
	if err != nil {
		f.Fatal(err)
	}

	f.Add(b[:64], uint8(10), "value")
	f.Add([]byte{0, 0, 0, 10, 0xff, 0xff, 0xff, 0xff}, uint8(255), "")

	f.Fuzz(func(t *testing.T, start []byte, key uint8, value string) {
		// Any bytes, with sums that are right.
		block := bytes.Clone(b[:metaLength])
		copy(block[4:metaLength-metaTail], start)
		unpackMeta(seal(block))

		if key == 0 || len(value) > metaLength/2 {
			return
		}

		want := map[uint8]string{key: value}

		packed, err := packMeta(want)
		if err != nil {
			t.Fatal(err)
		}

		if got := unpackMeta(packed[:metaLength]); !maps.Equal(got, want) {
			t.Errorf("%v became %v", want, got)
		}
	})
}

// FuzzConfig reads any bytes as a machine configuration.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(machineConfig))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("--- !!binary x\n---\nversion: v1alpha1\nmachine: 1\n"))

	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = checkConfig(b)
	})
}
