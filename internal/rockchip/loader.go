// SPDX-License-Identifier: MPL-2.0

package rockchip

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Loader is a boot loader in U-Boot's image for one kind of medium, verified.
type Loader struct {
	Layout Layout
	// IDBlock and FIT are the bytes for the places of those names; what the image has between them is padding.
	IDBlock, FIT []byte
	// StandIn says that there is no DDR blob in it: it cannot start the board.
	StandIn bool
}

// ErrLayout is returned for parts that are in each other's way.
var ErrLayout = errors.New("boot loader does not fit its layout")

// ReadLoader reads the boot loader that begins at byte start of r: layout.FileStart on a medium, 0 in U-Boot's image. It
// fails as ParseLoader does, and with ErrTruncated where r ends before the loader does.
func ReadLoader(r io.ReaderAt, start int64, layout Layout) (*Loader, error) {
	fit, err := ReadFIT(r, start+layout.FIT-layout.FileStart)
	if err != nil {
		return nil, err
	}

	b := make([]byte, layout.FIT-layout.FileStart+fit.Size)
	if n, err := r.ReadAt(b, start); n < len(b) {
		if errors.Is(err, io.EOF) {
			err = ErrTruncated
		}

		return nil, err
	}

	return ParseLoader(b, layout)
}

// ParseLoader verifies an image (u-boot-rockchip.bin, or u-boot-rockchip-spi.bin for the layout SPI): the idblock's header
// and both stages, and all that SPL loads from the FIT. A loader with the stand-in for the DDR blob passes; Loader.StandIn
// says so.
func ParseLoader(image []byte, layout Layout) (*Loader, error) {
	idStart, fitStart := layout.IDBlock-layout.FileStart, layout.FIT-layout.FileStart

	if int64(len(image)) < fitStart {
		return nil, fmt.Errorf("%s has %d bytes; its FIT starts at byte %d: %w", layout.File, len(image), fitStart, ErrTruncated)
	}

	block, err := ParseIDBlock(image[idStart:])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", layout.File, err)
	}

	if len(block.Stages) < 2 {
		return nil, fmt.Errorf("%s: idblock has %d stage, not two (DDR blob and SPL): %w", layout.File, len(block.Stages), ErrNoIDBlock)
	}

	if err := block.VerifyStages(image[idStart:]); err != nil {
		return nil, fmt.Errorf("%s: %w", layout.File, err)
	}

	fit, err := ReadFIT(bytes.NewReader(image), fitStart)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", layout.File, err)
	}

	loader := &Loader{
		Layout:  layout,
		IDBlock: image[idStart : idStart+block.End()],
		FIT:     image[fitStart : fitStart+fit.Size],
		StandIn: block.StandIn(image[idStart:]),
	}

	if err := loader.checkRoom(); err != nil {
		return nil, fmt.Errorf("%s: %w", layout.File, err)
	}

	return loader, nil
}

func (l *Loader) checkRoom() error {
	id, fit := int64(len(l.IDBlock)), int64(len(l.FIT))

	// The mask ROM takes what follows one stride further for another idblock.
	if room := min(l.Layout.Stride, l.Layout.FIT-l.Layout.IDBlock); id > room {
		return fmt.Errorf("idblock of %d bytes is larger than the %d it has room for: %w", id, room, ErrLayout)
	}

	// The second FIT must not reach the first, or the other way round.
	if room := max(l.Layout.FIT-l.Layout.BackupFIT, l.Layout.BackupFIT-l.Layout.FIT); fit > room {
		return fmt.Errorf("FIT of %d bytes is larger than the %d it has room for: %w", fit, room, ErrLayout)
	}

	return nil
}

// End is where the loader ends on its medium, in bytes.
func (l *Loader) End() int64 {
	return max(l.Layout.FIT, l.Layout.BackupFIT) + int64(len(l.FIT))
}
