// SPDX-License-Identifier: MPL-2.0

package grub

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"talos-nanopi-m6/internal/inspect/pefile"
)

// Image is what is built into GRUB's EFI program: where it looks for the rest of itself.
type Image struct {
	// Prefix is the directory of grub.cfg and modules: `(,gpt3)/grub` is on the disk GRUB was loaded from, `(hd0,gpt3)/grub`
	// on whichever disk the firmware counts first.
	Prefix string `json:"prefix,omitempty"`
	// Config is run before anything is read from Prefix.
	Config  string `json:"config,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// Of GRUB's include/grub/kernel.h and offsets.h: the modules of an EFI program are its section "mods", which begins with
// this magic number; objects other than modules have these types.
const (
	section      = "mods"
	magic        = 0x676d696d
	configObject = 2
	prefixObject = 3
)

// ReadImage reads GRUB's EFI program, and gives nil for another one.
func ReadImage(b []byte) *Image {
	f, err := pefile.Open(bytes.NewReader(b))
	if err != nil {
		return nil
	}

	part := f.Section(section)
	if part == nil {
		return nil
	}

	g := &Image{}

	mods, err := part.Data()
	if err == nil {
		err = g.read(mods)
	}

	if err != nil {
		g.Problem = err.Error()
	}

	return g
}

// read goes through the objects of the section: struct grub_module_info64, then struct grub_module_header before each.
func (g *Image) read(mods []byte) error {
	le := binary.LittleEndian

	if len(mods) < 24 || le.Uint32(mods) != magic {
		return errors.New("GRUB's modules do not begin with their magic number")
	}

	at, size := le.Uint64(mods[8:]), le.Uint64(mods[16:])
	if at > size || size > uint64(len(mods)) {
		return fmt.Errorf("GRUB's modules are said to be bytes %d to %d of %d", at, size, len(mods))
	}

	for rest := mods[at:size]; len(rest) > 0; {
		if len(rest) < 8 {
			return errors.New("GRUB's modules are cut short")
		}

		kind, length := le.Uint32(rest), uint64(le.Uint32(rest[4:]))
		if length < 8 || length > uint64(len(rest)) {
			return fmt.Errorf("a module of GRUB is said to have %d bytes of %d", length, len(rest))
		}

		text, _, _ := strings.Cut(string(rest[8:length]), "\x00")

		switch kind {
		case configObject:
			g.Config = text
		case prefixObject:
			g.Prefix = text
		}

		rest = rest[length:]
	}

	return nil
}

// numbered is a disk named by its number: (hd0,gpt3), or root=hd0,gpt3 as GRUB's variable has it.
var numbered = regexp.MustCompile(`\([hf]d[0-9]+[^)\s]*\)?|\broot=['"]?[hf]d[0-9]+[^'"\s]*`)

// NumberedDisk gives the first disk that a GRUB configuration or prefix names by number, or nothing.
func NumberedDisk(text string) string {
	return numbered.FindString(text)
}
