// SPDX-License-Identifier: MPL-2.0

package rockchip

import (
	"errors"
	"fmt"
	"io"
)

// ErrNotBootable is returned for a medium that the mask ROM or SPL leaves for the next one.
var ErrNotBootable = errors.New("the board does not start from it")

// Found is what the board would start from a medium.
type Found struct {
	// IDBlockAt and FITAt are the places on the medium, in bytes.
	IDBlockAt, FITAt int64
	// IDBlock and FIT are what is there.
	IDBlock *IDBlock
	FIT     *FIT
	// Refused says why what comes earlier in the search was not taken.
	Refused []error
}

// Search follows the mask ROM's search for an idblock and SPL's for a FIT over a medium. A layout with Copies 1 or
// BackupFIT 0 makes it follow a mask ROM or an SPL that knows no second place. The error is ErrNotBootable where the
// search ends without success.
func Search(medium io.ReaderAt, layout Layout) (*Found, error) {
	found := &Found{}

	for _, at := range layout.IDBlocks() {
		block, err := ReadIDBlock(medium, at)
		if err != nil {
			found.Refused = append(found.Refused, fmt.Errorf("byte %d: %w", at, err))

			continue
		}

		found.IDBlock, found.IDBlockAt = block, at

		break
	}

	if found.IDBlock == nil {
		return nil, fmt.Errorf("%w: the mask ROM finds no idblock: %w", ErrNotBootable, errors.Join(found.Refused...))
	}

	for _, at := range layout.FITs() {
		fit, err := ReadFIT(medium, at)
		if err != nil {
			found.Refused = append(found.Refused, err)

			continue
		}

		found.FIT, found.FITAt = fit, at

		return found, nil
	}

	return nil, fmt.Errorf("%w: SPL finds no FIT: %w", ErrNotBootable, errors.Join(found.Refused...))
}

// ReadIDBlock reads and verifies the idblock at a place of a medium, in bytes.
func ReadIDBlock(medium io.ReaderAt, at int64) (*IDBlock, error) {
	header := make([]byte, HeaderSize)

	// Without the magic number nothing else is looked at.
	if _, err := medium.ReadAt(header[:len(Magic)], at); err != nil {
		return nil, readError(err)
	}

	if string(header[:len(Magic)]) != Magic {
		return nil, fmt.Errorf("starts with %q, not %q: %w", header[:len(Magic)], Magic, ErrNoIDBlock)
	}

	if _, err := medium.ReadAt(header, at); err != nil {
		return nil, readError(err)
	}

	block, err := ParseIDBlock(header)
	if err != nil {
		return nil, err
	}

	data := make([]byte, block.End())
	if _, err := medium.ReadAt(data, at); err != nil {
		return nil, readError(err)
	}

	if err := block.VerifyStages(data); err != nil {
		return nil, err
	}

	return block, nil
}
