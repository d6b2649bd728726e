// SPDX-License-Identifier: MPL-2.0

package testdisk

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// File makes a disk image for a test and opens it for reading.
func (s Spec) File(t testing.TB) *os.File {
	t.Helper()

	p := filepath.Join(t.TempDir(), "disk.raw")
	if err := s.Write(p); err != nil {
		t.Fatal(err)
	}

	f, err := os.Open(p)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { f.Close() }) //nolint:errcheck // read only

	return f
}

// Damage is a medium changed as a fuzzer's bytes say, five a change: two choose a sector among some, two a place in it, one
// what is flipped.
func Damage(medium io.ReaderAt, patch []byte, sectors []int64) io.ReaderAt {
	d := damaged{medium, map[int64]byte{}}

	for ; len(patch) >= 5; patch = patch[5:] {
		no := sectors[int(binary.BigEndian.Uint16(patch))%len(sectors)]
		d.changes[no*512+int64(binary.BigEndian.Uint16(patch[2:])%512)] ^= patch[4]
	}

	return d
}

// damaged is a medium with some bytes changed.
type damaged struct {
	io.ReaderAt

	changes map[int64]byte
}

func (d damaged) ReadAt(b []byte, off int64) (int, error) {
	n, err := d.ReaderAt.ReadAt(b, off)

	for at, v := range d.changes {
		if at >= off && at < off+int64(n) {
			b[at-off] ^= v
		}
	}

	return n, err
}
