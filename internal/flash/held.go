// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"talos-nanopi-m6/internal/rockchip"
)

// held are the parts of an image that make a medium look bootable, and that are written last: MBR and primary partition
// table header, for firmware that starts from another medium, and the idblock's header, for the mask ROM.
type held []heldPart

type heldPart struct {
	extent

	data []byte
}

func newHeld() held {
	var h held

	for _, e := range []extent{{0, 1024}, {rockchip.MMC.IDBlock, rockchip.MMC.IDBlock + pageSize}} {
		h = append(h, heldPart{e, make([]byte, e.size())})
	}

	return h
}

// table and loader are the two parts.
func (h held) table() heldPart  { return h[0] }
func (h held) loader() heldPart { return h[1] }

// take moves held parts out of a piece of the image, and leaves zeros.
func (h held) take(b []byte, at int64) {
	h.each(b, at, func(mine, theirs []byte) {
		copy(mine, theirs)
		clear(theirs)
	})
}

// put sets held parts into a piece of the image.
func (h held) put(b []byte, at int64) {
	h.each(b, at, func(mine, theirs []byte) { copy(theirs, mine) })
}

func (h held) each(b []byte, at int64, f func(mine, theirs []byte)) {
	for _, p := range h {
		low, high := max(p.start, at), min(p.end, at+int64(len(b)))
		if low < high {
			f(p.data[low-p.start:high-p.start], b[low-at:high-at])
		}
	}
}

// finish writes the idblock's header, which makes the medium bootable.
func (j *job) finish() error {
	p := j.held.loader()
	if isZero(p.data) { // an image without a boot loader
		return nil
	}

	if err := j.dev.Sync(); err != nil {
		return err
	}

	err := j.certain(p.data, p.start)
	if err == nil {
		return nil
	}

	// What is there now is not known; nothing must look bootable.
	if back := errors.Join(j.dev.Zero(p.start, p.size()), j.dev.Sync()); back != nil {
		j.state = Uncertain

		return fmt.Errorf("%w; and it cannot be taken back: %w", err, back)
	}

	return err
}

// writeAll writes, and takes a write that was cut short for the error it is.
func (j *job) writeAll(b []byte, at int64) (int, error) {
	n, err := j.dev.WriteAt(b, at)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}

	if err != nil {
		return n, fmt.Errorf("byte %d: %w", at, err)
	}

	return n, nil
}

// certain writes, waits and reads back.
func (j *job) certain(b []byte, at int64) error {
	if _, err := j.writeAll(b, at); err != nil {
		return err
	}

	if err := j.dev.Sync(); err != nil {
		return err
	}

	return j.check(b, at)
}

// check compares the medium with what it should hold.
func (j *job) check(b []byte, at int64) error {
	got := Aligned(len(b))
	if n, err := j.dev.ReadAt(got, at); n < len(b) {
		return fmt.Errorf("byte %d: %w", at, err)
	}

	if !bytes.Equal(got, b) {
		return fmt.Errorf("bytes %d to %d: %w", at, at+int64(len(b)), ErrCompare)
	}

	return nil
}
