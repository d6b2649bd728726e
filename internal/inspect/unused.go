// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"cmp"
	"io"
	"slices"

	"talos-nanopi-m6/internal/inspect/fat"
	"talos-nanopi-m6/internal/inspect/gpt"
	"talos-nanopi-m6/internal/inspect/xfs"
)

// Range is a part of a disk, in bytes.
type Range struct{ Start, End int64 }

// Unused lists, in order, the parts of a disk image whose content no one reads: free space of its file systems, and what no
// partition covers behind the first one. Everything before the first partition is used, since mask ROM and SPL search
// there, and so are partitions with something else on them. The image's sectors have 512 bytes.
func Unused(d io.ReaderAt, size int64) ([]Range, error) {
	g, err := gpt.Read(d, size, 512)
	if err != nil {
		return nil, err
	}

	var (
		list []Range
		end  int64
	)

	for _, p := range g.Partitions {
		if end > 0 && p.Offset > end {
			list = append(list, Range{end, p.Offset})
		}

		end = max(end, p.Offset+p.Size)

		part := io.NewSectionReader(d, p.Offset, p.Size)

		switch {
		case p.Type == gpt.TypeEFI:
			list = append(list, freeFAT(part, p)...)
		case p.Name == "BOOT":
			list = append(list, freeXFS(part, p)...)
		}
	}

	if tail := size - 33*512; end > 0 && tail > end { // the backup table
		list = append(list, Range{end, tail})
	}

	slices.SortFunc(list, func(a, b Range) int { return cmp.Compare(a.Start, b.Start) })

	return list, nil
}

// freeFAT lists free clusters; a file system that cannot be read has none.
func freeFAT(r io.ReaderAt, p gpt.Partition) []Range {
	f, err := fat.Open(r, p.Size)
	if err != nil {
		return nil
	}

	var list []Range
	for _, e := range f.Free() {
		list = append(list, Range{p.Offset + e.Start, p.Offset + e.End})
	}

	return list
}

// freeXFS lists free blocks; a file system that cannot be read has none.
func freeXFS(r io.ReaderAt, p gpt.Partition) []Range {
	f, err := xfs.Open(r, p.Size)
	if err != nil {
		return nil
	}

	free, err := f.Free()
	if err != nil {
		return nil
	}

	var list []Range
	for _, e := range free {
		list = append(list, Range{p.Offset + e.Start, p.Offset + e.End})
	}

	return list
}

// Partitions lists those of a disk whose sectors have 512 bytes.
func Partitions(d io.ReaderAt, size int64) ([]gpt.Partition, error) {
	g, err := gpt.Read(d, size, 512)
	if err != nil {
		return nil, err
	}

	return g.Partitions, nil
}
