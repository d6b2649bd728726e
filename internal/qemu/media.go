// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"

	"talos-nanopi-m6/internal/image"
)

// Medium is a raw file QEMU can attach.
type Medium struct {
	// Path is the image itself, or a copy of it.
	Path string
	// Size is in bytes.
	Size int64
}

// Prepare makes a medium from the image. A raw image is used as it is. A compressed one is decoded into dir, and for an SD
// card, whose size QEMU wants to be a power of two, so is a raw one of another size; the card then is larger than the image,
// as real ones are.
func (o Options) Prepare(ctx context.Context, dir string) (Medium, error) {
	o = o.WithDefaults()
	path := o.Image
	sized := func(size int64) int64 { return size }

	switch {
	case o.Board && !o.Disk.NeedsCard(): // SD and eMMC
		sized = func(size int64) int64 { return max(cardSize(size), SmallestCard) }
	case o.Disk == SD:
		sized = cardSize
	}

	s, err := image.Open(ctx, path)
	if err != nil {
		return Medium{}, err
	}
	defer s.Close() // read only

	if s.Format == image.Raw {
		st, err := os.Stat(path)
		if err != nil {
			return Medium{}, err
		}

		if st.Size() == 0 {
			return Medium{}, fmt.Errorf("%s: the image is empty", path)
		}

		if sized(st.Size()) == st.Size() {
			return Medium{path, st.Size()}, nil
		}
	}

	f, err := os.Create(filepath.Join(dir, "disk.raw"))
	if err != nil {
		return Medium{}, err
	}

	size, err := image.WriteSparse(f, s)

	if err == nil && size == 0 {
		err = fmt.Errorf("%s: the image is empty", path)
	}

	if err == nil {
		size = sized(size)
		err = f.Truncate(size)
	}

	return Medium{f.Name(), size}, errors.Join(err, f.Close())
}

// cardSize is the next power of two (hw/sd/sd.c, sd_realize, refuses others).
func cardSize(n int64) int64 {
	return 1 << bits.Len64(uint64(n-1))
}
