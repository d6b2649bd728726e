// SPDX-License-Identifier: MPL-2.0

package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Errors that say how writing failed.
var (
	ErrReadBack = errors.New("read back other bytes than were written: the medium is worn out, or smaller than it says")
	ErrShort    = fmt.Errorf("%w: fewer bytes than were given, without an error", io.ErrShortWrite)
)

// Piece is data for a place of a medium.
type Piece struct {
	// What is what messages call it; "" says that the place is enough.
	What string
	// Offset is in bytes.
	Offset int64
	Data   []byte
}

// commitChunk is how much is written at once, in bytes.
const commitChunk = 1 << 20

// Commit writes pieces one after the other: each is on the medium, read back and compared, before the next one is begun. All
// that must be whole before it is seen is written so, by m6 and by the installer: everything, then the header.
func Commit(m Medium, pieces ...Piece) error {
	for _, p := range pieces {
		if err := p.commit(m); err != nil {
			if p.What != "" {
				err = fmt.Errorf("%s: %w", p.What, err)
			}

			return err
		}
	}

	return nil
}

func (p Piece) commit(m Medium) error {
	for at := 0; at < len(p.Data); at += commitChunk {
		part := p.Data[at:min(at+commitChunk, len(p.Data))]

		switch n, err := m.WriteAt(part, p.Offset+int64(at)); {
		case err != nil:
			return fmt.Errorf("byte %d: %w", p.Offset+int64(at), err)
		case n < len(part):
			return fmt.Errorf("%d of %d bytes at byte %d: %w", n, len(part), p.Offset+int64(at), ErrShort)
		}
	}

	if err := m.Sync(); err != nil {
		return fmt.Errorf("flush: %w", err)
	}

	return p.compare(m)
}

// compare reads a piece back.
func (p Piece) compare(m Medium) error {
	back := Aligned(len(p.Data))

	if n, err := m.ReadAt(back, p.Offset); n < len(back) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}

		return fmt.Errorf("reading back: byte %d: %w", p.Offset, err)
	}

	if bytes.Equal(back, p.Data) {
		return nil
	}

	at := 0
	for back[at] == p.Data[at] {
		at++
	}

	return fmt.Errorf("byte %d: %#02x, not %#02x: %w", p.Offset+int64(at), back[at], p.Data[at], ErrReadBack)
}
