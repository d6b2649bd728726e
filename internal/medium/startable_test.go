// SPDX-License-Identifier: MPL-2.0

package medium

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"talos-nanopi-m6/internal/rockchip"
)

// machine is a combination of mask ROM and SPL that a board may have, for the checks after a fault.
type machine struct {
	name string
	// layout says how far they search: Copies 1 is a mask ROM that knows no second place, BackupFIT 0 an SPL that knows
	// none.
	layout rockchip.Layout
	// trusting is a mask ROM that starts what has the magic number, whatever its hashes say.
	trusting bool
}

func machines(layout rockchip.Layout) []machine {
	oneROM, oneSPL, one := layout, layout, layout
	oneROM.Copies = 1
	oneSPL.BackupFIT = 0
	one.Copies, one.BackupFIT = 1, 0

	return []machine{
		{"mask ROM and SPL with second places", layout, false},
		{"mask ROM that checks no hash", layout, true},
		{"SPL without second place", oneSPL, false},
		{"mask ROM without second places", oneROM, false},
		{"no second places, no hashes checked", one, true},
	}
}

// verdict is what a board does with a medium.
type verdict struct {
	// idblock and fit name what is started ("old", "new"); refused leaves the medium for the next, torn runs something
	// that was never whole.
	idblock, fit  string
	refused, torn bool
}

func (v verdict) String() string {
	switch {
	case v.torn:
		return "TORN " + v.idblock + "/" + v.fit
	case v.refused:
		return "refused"
	}

	return v.idblock + " idblock, " + v.fit + " FIT"
}

// known are the loaders that may be started, by the hash of their parts.
type known map[[sha256.Size]byte]string

func (k known) add(name string, image []byte, layout rockchip.Layout) *rockchip.Loader {
	loader, err := rockchip.ParseLoader(image, layout)
	if err != nil {
		panic(err)
	}

	k[sha256.Sum256(loader.IDBlock)] = name
	k[sha256.Sum256(loader.FIT)] = name

	return loader
}

// start follows a board through its start from a medium: the package's own search, but that what is found must be known,
// byte by byte.
func (m machine) start(medium io.ReaderAt, k known) verdict {
	layout := m.layout

	if m.trusting {
		// The first magic number decides.
		for n := range int64(layout.Copies) {
			at := layout.IDBlock + n*layout.Stride
			magic := make([]byte, 4)

			if _, err := medium.ReadAt(magic, at); err != nil || string(magic) != rockchip.Magic {
				continue
			}

			layout.IDBlock, layout.Copies = at, 1

			break
		}
	}

	found, err := rockchip.Search(medium, layout)

	switch {
	case errors.Is(err, rockchip.ErrNotBootable):
		magic := make([]byte, 4)

		if _, readErr := medium.ReadAt(magic, layout.IDBlock); m.trusting && readErr == nil && string(magic) == rockchip.Magic {
			if _, idErr := identify(medium, layout.IDBlock, k); idErr != nil {
				return verdict{torn: true, idblock: idErr.Error()}
			}
		}

		return verdict{refused: true}
	case err != nil:
		return verdict{torn: true, idblock: err.Error()}
	}

	var v verdict

	if v.idblock, err = identify(medium, found.IDBlockAt, k); err != nil {
		return verdict{torn: true, idblock: err.Error()}
	}

	fit := make([]byte, found.FIT.Size)
	if _, err := medium.ReadAt(fit, found.FITAt); err != nil {
		return verdict{torn: true, fit: err.Error()}
	}

	name, ok := k[sha256.Sum256(fit)]
	if !ok {
		return verdict{torn: true, idblock: v.idblock, fit: "unknown bytes at " + fmt.Sprint(found.FITAt)}
	}

	v.fit = name

	return v
}

func identify(medium io.ReaderAt, at int64, k known) (string, error) {
	header := make([]byte, rockchip.HeaderSize)
	if _, err := medium.ReadAt(header, at); err != nil {
		return "", err
	}

	block, err := rockchip.ParseIDBlock(header)
	if err != nil {
		return "", err
	}

	data := make([]byte, block.End())
	if _, err := medium.ReadAt(data, at); err != nil {
		return "", err
	}

	name, ok := k[sha256.Sum256(data)]
	if !ok {
		return "", fmt.Errorf("unknown bytes at %d", at)
	}

	return name, nil
}

// view is what a machine does with a medium, judged again only when bytes change that it looked at: so every byte of a
// write can be cut off, one by one.
type view struct {
	machine machine
	known   known

	last verdict
	read []span // empty before the first look
}

type span struct{ from, to int64 }

// changed forgets what was seen if the machine looked at any of the bytes from offset on.
func (v *view) changed(offset int64, length int) {
	for _, s := range v.read {
		if s.from < offset+int64(length) && offset < s.to {
			v.read = nil

			return
		}
	}
}

// untilLookedAt counts the bytes from offset on, one at least and length at most, up to and with the first one that the
// machine looked at.
func (v *view) untilLookedAt(offset int64, length int) int {
	n := int64(length)

	for _, s := range v.read {
		if s.to > offset && s.from < offset+n {
			n = max(s.from-offset, 0) + 1
		}
	}

	if v.read == nil {
		return 1
	}

	return int(min(n, int64(length)))
}

func (v *view) start(content []byte) verdict {
	if v.read == nil {
		spy := &spy{content: content}
		v.last = v.machine.start(spy, v.known)
		v.read = spy.read
	}

	return v.last
}

// spy notes what is read.
type spy struct {
	content []byte
	read    []span
}

func (s *spy) ReadAt(p []byte, offset int64) (int, error) {
	s.read = append(s.read, span{offset, min(offset+int64(len(p)), int64(len(s.content)))})

	return bytes.NewReader(s.content).ReadAt(p, offset)
}
