// SPDX-License-Identifier: MPL-2.0

package fat

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

func TestAnAllocationTableThatLiesIsRefused(t *testing.T) {
	le := binary.LittleEndian

	sound := func() []byte {
		// FAT16: 1 reserved sector, 2 tables of 20 sectors, 512 root entries, 5000 clusters of a sector.
		b := make([]byte, 6000*512)
		copy(b[3:], "m6      ")
		le.PutUint16(b[11:], 512)
		b[13] = 1
		le.PutUint16(b[14:], 1)
		b[16] = 2
		le.PutUint16(b[17:], 512)
		le.PutUint16(b[19:], 5073)
		b[21] = 0xf8
		le.PutUint16(b[22:], 20)
		b[38] = 0x29
		b[510], b[511] = 0x55, 0xaa

		for _, table := range []int{512, 512 + 20*512} {
			le.PutUint16(b[table:], 0xfff8)
			le.PutUint16(b[table+2:], 0xffff)
		}

		return b
	}

	both := func(b []byte, cluster int, v uint16) {
		for _, table := range []int{512, 512 + 20*512} {
			le.PutUint16(b[table+cluster*2:], v)
		}
	}

	if f, err := Open(bytes.NewReader(sound()), 6000*512); err != nil {
		t.Fatal(err)
	} else if list, err := f.Files(); err != nil || len(list) > 0 {
		t.Fatal(list, err)
	}

	for name, spoil := range map[string]func(b []byte){
		"a loop":             func(b []byte) { both(b, 5, 6); both(b, 6, 5) },
		"a loop of one":      func(b []byte) { both(b, 5, 5) },
		"two chains meet":    func(b []byte) { both(b, 5, 7); both(b, 6, 7); both(b, 7, 0xffff) },
		"beyond the end":     func(b []byte) { both(b, 5, 5600) },
		"cluster one":        func(b []byte) { both(b, 5, 1) },
		"lost clusters":      func(b []byte) { both(b, 5, 6); both(b, 6, 0xffff) },
		"copies differ":      func(b []byte) { le.PutUint16(b[512+10:], 0xffff) },
		"no signature":       func(b []byte) { b[510] = 0 },
		"large sectors":      func(b []byte) { le.PutUint16(b[11:], 4096) },
		"odd clusters":       func(b []byte) { b[13] = 3 },
		"three tables":       func(b []byte) { b[16] = 3 },
		"more than the disk": func(b []byte) { le.PutUint16(b[19:], 6001) },
		"small table":        func(b []byte) { le.PutUint16(b[22:], 2) },
		"huge table": func(b []byte) {
			le.PutUint16(b[22:], 0)
			le.PutUint32(b[36:], 0x00ffffff)
		},
	} {
		b := sound()
		spoil(b)

		f, err := Open(bytes.NewReader(b), int64(len(b)))
		if err == nil {
			_, err = f.Files()
		}

		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: got %v, want %v", name, err, ErrDamaged)
		}
	}
}
