// SPDX-License-Identifier: MPL-2.0

package image

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzDecode decodes any bytes: within the limits, without a panic.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x00, 0x19, 0x00, 0x00, 'a', 'b', 'c'})
	f.Add([]byte("\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46"))
	f.Add([]byte("raw"))

	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(bytes.NewReader(b), "fuzzed")
		if err != nil {
			return
		}
		defer s.Close() // a test

		o, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close() // a test

		const most = 8 << 20

		n, err := writeSparse(o, s, most, most)
		if err == nil && n > most || err != nil && n > most+1<<20 {
			t.Errorf("got %d bytes, %v; want at most %d", n, err, most)
		}

		if s.Format == Raw && (err != nil || n != int64(len(b))) {
			t.Errorf("got %d bytes, %v; want %d", n, err, len(b))
		}
	})
}

func TestLimitsHold(t *testing.T) {
	for name, c := range map[string]struct {
		content             []byte
		maxRead, maxWritten int64
		want                error
	}{
		"within":        {make([]byte, 4<<20), 4 << 20, 0, nil},
		"too long":      {make([]byte, 4<<20+1), 4 << 20, 1 << 20, ErrTooLarge},
		"too much data": {bytes.Repeat([]byte("x"), 3<<20), 4 << 20, 2 << 20, ErrTooLarge},
	} {
		f, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}

		n, err := writeSparse(f, bytes.NewReader(c.content), c.maxRead, c.maxWritten)
		if !errors.Is(err, c.want) || n > c.maxRead+1<<20 {
			t.Errorf("%s: got %d bytes, %v; want at most %d, %v", name, n, err, c.maxRead+1<<20, c.want)
		}

		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
