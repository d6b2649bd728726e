// SPDX-License-Identifier: MPL-2.0

package fat

import (
	"encoding/binary"
	"io"
	"testing"

	"talos-nanopi-m6/internal/fixture/diskimage"
	"talos-nanopi-m6/internal/inspect/gpt"
)

// FuzzFAT damages an EFI partition.
func FuzzFAT(f *testing.F) {
	d := diskimage.Spec{}.File(f)

	table, err := gpt.Read(d, diskimage.Size, 512)
	if err != nil {
		f.Fatal(err)
	}

	size := table.Partitions[0].Size
	part := io.NewSectionReader(d, table.Partitions[0].Offset, size)

	fs, err := Open(part, size)
	if err != nil {
		f.Fatal(err)
	}

	// Boot sector, both tables' starts, and the first directories.
	data := fs.data / 512
	tables := binary.LittleEndian.Uint16(head(f, part)[14:])
	each := int64(binary.LittleEndian.Uint32(head(f, part)[36:]))
	sectors := []int64{0, 1, 6, int64(tables), int64(tables) + each}

	for k := range int64(16) {
		sectors = append(sectors, data+k)
	}

	f.Add([]byte{0, 0, 0, 13, 1})
	f.Add([]byte{0, 3, 0, 12, 1, 0, 4, 0, 12, 1})
	f.Add([]byte{0, 5, 0, 26, 7})
	f.Add([]byte{0, 5, 0, 11, 0x30})

	f.Fuzz(func(_ *testing.T, patch []byte) {
		damaged, err := Open(diskimage.Damage(part, patch, sectors), size)
		if err != nil {
			return
		}

		list, _ := damaged.Files()
		for _, file := range list {
			_ = damaged.Copy(io.Discard, file.Path)
		}

		damaged.Free()
	})
}

func head(f *testing.F, r io.ReaderAt) []byte {
	f.Helper()

	b := make([]byte, 512)
	if _, err := r.ReadAt(b, 0); err != nil {
		f.Fatal(err)
	}

	return b
}
