// SPDX-License-Identifier: MPL-2.0

// Package pefile opens programs that EFI starts. debug/pe reads all that a header counts, over and over where counts share their
// bytes: what no such program has is refused first.
package pefile

import (
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Limits on what a header counts. Microsoft's loader takes 96 sections (PE Format, "COFF File Header"); a program that EFI starts
// has no symbols (they are a debugger's) and no relocations of its sections (they are a linker's).
const (
	maxSections    = 96
	maxSymbols     = 1 << 16
	maxRelocations = 1 << 16
)

// ErrTooMuch says that a header counts more than is read.
var ErrTooMuch = errors.New("more than is read of a program")

// Open opens the program in r.
func Open(r io.ReaderAt) (*pe.File, error) {
	if err := check(r); err != nil {
		return nil, err
	}

	return pe.NewFile(r)
}

// check looks at the counts. What is not there at all, debug/pe says.
func check(r io.ReaderAt) error {
	le := binary.LittleEndian

	dos := make([]byte, 64)
	if n, _ := r.ReadAt(dos, 0); n < len(dos) || string(dos[:2]) != "MZ" {
		return nil
	}

	at := int64(le.Uint32(dos[60:]))

	coff := make([]byte, 24) // "PE\0\0" and IMAGE_FILE_HEADER
	if n, _ := r.ReadAt(coff, at); n < len(coff) {
		return nil
	}

	sections, symbols, optional := int(le.Uint16(coff[6:])), le.Uint32(coff[16:]), int64(le.Uint16(coff[20:]))
	if sections > maxSections || symbols > maxSymbols {
		return fmt.Errorf("%d sections, %d symbols: %w", sections, symbols, ErrTooMuch)
	}

	table := make([]byte, sections*40) // IMAGE_SECTION_HEADER
	n, _ := r.ReadAt(table, at+24+optional)

	relocations := 0
	for table = table[:n]; len(table) >= 40; table = table[40:] {
		relocations += int(le.Uint16(table[32:]))
	}

	if relocations > maxRelocations {
		return fmt.Errorf("%d relocations: %w", relocations, ErrTooMuch)
	}

	return nil
}
