// SPDX-License-Identifier: MPL-2.0

package medium

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"talos-nanopi-m6/internal/disk"
)

// magicSize is how many bytes at a part's start its reader looks at first, and refuses the part without: "RKNS" of an
// idblock, 0xd00dfeed of a FIT.
const magicSize = 4

// Part is something that is written to one place of a medium and begins with a magic number of four bytes.
type Part struct {
	// Name is what messages call it.
	Name string
	// Offset is its place in bytes, a multiple of the medium's sector size.
	Offset int64
	Data   []byte
}

// Outcome says what became of a part.
type Outcome struct {
	Part
	// Written is false where the medium held the same bytes already.
	Written bool
	SHA256  [sha256.Size]byte
}

// Update brings parts onto the medium, in the order given, each one so that its reader finds the old part, none, or the
// new one, and never anything else:
//
//  1. the old part's magic number is taken away,
//  2. the new part is written without its magic number, and read back,
//  3. the magic number is written, and read back,
//
// with a flush after each step. Steps 1 and 3 change four bytes of one block, so that even a block that is torn in the
// middle holds no valid magic number unless all of them are there. A part that is on the medium already is not touched.
//
// After an error the parts that were changed are put back, the last one first, and the error says whether that was
// possible.
func Update(m disk.Medium, parts []Part) ([]Outcome, error) {
	defer disk.Begin()()

	outcomes := make([]Outcome, 0, len(parts))

	var changed []Part // what the medium held before, in the order of change

	for _, part := range parts {
		old, whole, err := readOld(m, part.Offset, len(part.Data))
		if err != nil {
			return outcomes, putBack(m, changed, fmt.Errorf("%s: reading %s at byte %d: %w", m.Name(), part.Name, part.Offset, err))
		}

		outcome := Outcome{Part: part, SHA256: sha256.Sum256(part.Data)}

		if !whole || !bytes.Equal(old, part.Data) {
			// From the first write on the old bytes may be gone, also where it fails.
			changed = append(changed, Part{Name: part.Name, Offset: part.Offset, Data: bytes.Clone(old)})

			if err := write(m, part); err != nil {
				return outcomes, putBack(m, changed, fmt.Errorf("%s: writing %s at byte %d: %w", m.Name(), part.Name, part.Offset, err))
			}

			outcome.Written = true
		}

		outcomes = append(outcomes, outcome)
	}

	return outcomes, nil
}

// readOld reads what the medium holds, block by block where it must: a block that was torn by a power cut may be
// unreadable until it is written again, and stands as zeros. It says whether all was readable; where nothing is, that is
// an error.
func readOld(m disk.Medium, offset int64, length int) (data []byte, whole bool, err error) {
	if data, err = readBlocks(m, offset, length); err == nil {
		return data, true, nil
	}

	data = make([]byte, length)
	readable := false

	for at := 0; at < length; at += m.SectorSize() {
		block := data[at:min(at+m.SectorSize(), length)]

		if got, blockErr := readBlocks(m, offset+int64(at), len(block)); blockErr == nil {
			copy(block, got)

			readable = true
		}
	}

	if !readable {
		return nil, false, err
	}

	return data, false, nil
}

// putBack restores what was changed and adds to err what state that leaves.
func putBack(m disk.Medium, changed []Part, err error) error {
	if len(changed) == 0 {
		return fmt.Errorf("%w; nothing was changed", err)
	}

	var failed []error

	for i := len(changed) - 1; i >= 0; i-- {
		old := changed[i]

		if restoreErr := write(m, old); restoreErr != nil {
			failed = append(failed, fmt.Errorf("putting back the old %s at byte %d: %w", old.Name, old.Offset, restoreErr))
		}
	}

	if len(failed) == 0 {
		return fmt.Errorf("%w; the old bytes were put back", err)
	}

	return fmt.Errorf("%w; %w", err, errors.Join(failed...))
}

// write replaces the part at its place.
func write(m disk.Medium, part Part) error {
	size := m.SectorSize()
	blank := bytes.Repeat([]byte{m.Blank()}, magicSize)

	if part.Offset%int64(size) != 0 || len(part.Data) < magicSize {
		return fmt.Errorf("%d bytes at byte %d cannot be written in blocks of %d", len(part.Data), part.Offset, size)
	}

	// What lies behind the part in its last block stays.
	data, whole, err := readOld(m, part.Offset, (len(part.Data)+size-1)/size*size)
	if err != nil {
		return err
	}

	head := max(size, magicSize)

	var pieces []disk.Piece

	if old := data[:magicSize]; !whole || !bytes.Equal(old, make([]byte, magicSize)) && !bytes.Equal(old, blank) {
		// Zeros, on a flash chip too, where they need no erasing.
		clear(old)

		pieces = append(pieces, disk.Piece{What: "taking the old one's magic number away", Offset: part.Offset, Data: bytes.Clone(data[:head])})
	}

	copy(data, part.Data)

	first := bytes.Clone(data[:head])
	copy(data, blank)

	return disk.Commit(m, append(pieces, disk.Piece{Offset: part.Offset, Data: data},
		disk.Piece{What: "adding its magic number", Offset: part.Offset, Data: first})...)
}
