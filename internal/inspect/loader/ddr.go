// SPDX-License-Identifier: MPL-2.0

package loader

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"regexp"

	"talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/rockchip"
)

// DDR is the program that starts the board's memory.
type DDR struct {
	// Missing says that the stand-in is in its place: such a loader cannot start the board.
	Missing bool `json:"missing,omitempty"`
	// Version is what the blob prints.
	Version string `json:"version,omitempty"`
	// Known is the blob, where its digest is a known one's, or where no digest is on record and it prints what that one prints.
	Known *board.Blob `json:"known,omitempty"`
	// SHA256 is the digest of the stage without the padding at its end.
	SHA256 string `json:"sha256,omitempty"`
}

// String says it in a few words.
func (d DDR) String() string {
	switch {
	case d.Missing:
		return "missing (" + rockchip.ErrStandIn.Error() + ")"
	case d.Version == "" && d.SHA256 == "":
		return "not found"
	case d.Known != nil && d.Version == "":
		return d.Known.File
	case d.Version == "":
		return "unknown program, SHA-256 " + d.SHA256
	}

	return d.Version
}

// ddrVersion matches what Rockchip's blobs print first.
var ddrVersion = regexp.MustCompile(`DDR [0-9a-f]{8,} \w+ [\d/:.-]+,fwver: v[\d.]+|DDR V\d+\.\d+ [0-9a-f]+[^\x00\n]*`)

// identifyDDR looks at the first stage, which mkimage pads to a multiple of 2 KiB.
func identifyDDR(stage []byte) DDR {
	if bytes.HasPrefix(stage, []byte(rockchip.StandInMagic)) {
		return DDR{Missing: true}
	}

	d := DDR{Version: firstMatch(ddrVersion, stage)}

	for _, b := range board.KnownBlobs {
		if b.SHA256 != "" && b.Size <= int64(len(stage)) && digest(stage[:b.Size]) == b.SHA256 && zero(stage[b.Size:]) {
			d.Known, d.SHA256 = &b, b.SHA256

			return d
		}
	}

	d.SHA256 = digest(bytes.TrimRight(stage, "\x00"))

	for _, b := range board.KnownBlobs {
		if b.SHA256 == "" && b.Prints == d.Version {
			d.Known = &b
		}
	}

	return d
}

// zero says that there is nothing but zeros.
func zero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// digest is the SHA-256 sum in hexadecimal.
func digest(b []byte) string {
	s := sha256.Sum256(b)

	return hex.EncodeToString(s[:])
}
