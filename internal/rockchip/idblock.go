// SPDX-License-Identifier: MPL-2.0

package rockchip

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Magic starts the idblock of an RK35xx ("RKNS").
const Magic = "RKNS"

// HeaderSize is the size of the idblock's header in bytes; its last 512 bytes hold the hash of what is before them.
const HeaderSize = 4 * SectorSize

const headerHashed = HeaderSize - 512

// idblockLimit is far larger than any idblock: mkimage allows the RK3588 1 MiB of SPL (tools/rkcommon.c, spl_infos).
const idblockLimit = 8 << 20

// header is the idblock's header. Source: U-Boot v2025.01, tools/rkcommon.c, struct header0_info_v2.
type header struct {
	Magic    [4]byte
	_        [4]byte
	Sizes    uint32 // 31:16 number of images, 15:0 offset of the hash field in words of 4 bytes
	BootFlag uint32 // 3:0 kind of hash
	_        [104]byte
	Images   [4]headerImage
	_        [1064]byte
	Hash     [512]byte
}

type headerImage struct {
	SizeAndOffset uint32 // 31:16 size, 15:0 offset from the header, both in sectors of 512 bytes
	Address       uint32
	Flag          uint32
	Counter       uint32
	_             [8]byte
	Hash          [64]byte
}

// Kinds of hash a header can ask for (enum hash_type in tools/rkcommon.c).
const (
	hashNone   = 0
	hashSHA256 = 1
	hashSHA512 = 2
)

// Stage is one of the programs the mask ROM loads: the DDR blob (TPL), then SPL.
type Stage struct {
	// Offset is counted in bytes from the header's start, Size in bytes; both are multiples of a sector.
	Offset, Size int64
	// Digest is what the header promises of the stage's bytes: SHA-256 or SHA-512, as IDBlock.HashName says.
	Digest []byte
}

// IDBlock is what the mask ROM searches a boot medium for.
type IDBlock struct {
	// HashName is "sha256" or "sha512".
	HashName string
	// Stages are in the order the mask ROM runs them.
	Stages []Stage
}

// Errors that say how an idblock fails; the error around one names values.
var (
	ErrNoIDBlock = errors.New("not a Rockchip RK35xx boot image")
	ErrTruncated = errors.New("image is cut short")
	ErrHash      = errors.New("hash does not match")
)

// ParseIDBlock reads the header at data's start and checks it against its own hash. The stages' bytes need not be in
// data: VerifyStages checks them.
func ParseIDBlock(data []byte) (*IDBlock, error) {
	var hdr header

	if len(data) < HeaderSize {
		return nil, fmt.Errorf("idblock header: %d of %d bytes: %w", len(data), HeaderSize, ErrTruncated)
	}

	if err := binary.Read(bytes.NewReader(data[:HeaderSize]), binary.LittleEndian, &hdr); err != nil {
		return nil, fmt.Errorf("idblock header: %w", err)
	}

	if string(hdr.Magic[:]) != Magic {
		return nil, fmt.Errorf("idblock header: starts with %q, not %q: %w", hdr.Magic[:], Magic, ErrNoIDBlock)
	}

	block := &IDBlock{}

	// The mask ROM starts unhashed images too, but U-Boot's mkimage writes none: what has no hash cannot be told from
	// a torn write, so it is refused.
	switch kind := hdr.BootFlag & 0xf; kind {
	case hashSHA256:
		block.HashName = "sha256"
	case hashSHA512:
		block.HashName = "sha512"
	case hashNone:
		return nil, fmt.Errorf("idblock header: images without hashes: %w", ErrNoIDBlock)
	default:
		return nil, fmt.Errorf("idblock header: unknown hash kind %d: %w", kind, ErrNoIDBlock)
	}

	if offset := int(hdr.Sizes&0xffff) * 4; offset != headerHashed {
		return nil, fmt.Errorf("idblock header: hash field at byte %d, not %d: %w", offset, headerHashed, ErrNoIDBlock)
	}

	if !block.matches(data[:headerHashed], hdr.Hash[:]) {
		return nil, fmt.Errorf("idblock header: %s %w", block.HashName, ErrHash)
	}

	count := int(hdr.Sizes >> 16)
	if count < 1 || count > len(hdr.Images) {
		return nil, fmt.Errorf("idblock header: %d images, not 1 to %d: %w", count, len(hdr.Images), ErrNoIDBlock)
	}

	end := int64(HeaderSize)

	for i, image := range hdr.Images[:count] {
		stage := Stage{
			Offset: int64(image.SizeAndOffset&0xffff) * SectorSize,
			Size:   int64(image.SizeAndOffset>>16) * SectorSize,
			Digest: bytes.Clone(image.Hash[:block.hashLen()]),
		}

		if stage.Offset < end {
			return nil, fmt.Errorf("idblock header: image %d starts at byte %d, inside what ends at %d: %w",
				i, stage.Offset, end, ErrNoIDBlock)
		}

		if end = stage.Offset + stage.Size; end > idblockLimit {
			return nil, fmt.Errorf("idblock header: image %d ends at byte %d, past %d: %w", i, end, idblockLimit, ErrNoIDBlock)
		}

		block.Stages = append(block.Stages, stage)
	}

	return block, nil
}

// End is where the idblock ends, in bytes from the header's start.
func (b *IDBlock) End() int64 {
	last := b.Stages[len(b.Stages)-1]

	return last.Offset + last.Size
}

// VerifyStages checks that every stage is whole in data, which starts with the header, is not empty, and has the hash
// the header promises.
func (b *IDBlock) VerifyStages(data []byte) error {
	for i, stage := range b.Stages {
		if stage.Size == 0 {
			return fmt.Errorf("idblock image %d is empty: %w", i, ErrNoIDBlock)
		}

		if end := stage.Offset + stage.Size; end > int64(len(data)) {
			return fmt.Errorf("idblock image %d ends at byte %d of %d: %w", i, end, len(data), ErrTruncated)
		}

		if !b.matches(data[stage.Offset:stage.Offset+stage.Size], stage.Digest) {
			return fmt.Errorf("idblock image %d (%d bytes at %d): %s %w", i, stage.Size, stage.Offset, b.HashName, ErrHash)
		}
	}

	return nil
}

// StandIn says whether the first stage in data, which starts with the header, is the stand-in for a DDR blob.
func (b *IDBlock) StandIn(data []byte) bool {
	first := b.Stages[0]

	return first.Offset <= int64(len(data)) && strings.HasPrefix(string(data[first.Offset:min(first.Offset+first.Size, int64(len(data)))]), StandInMagic)
}

func (b *IDBlock) hashLen() int {
	if b.HashName == "sha512" {
		return sha512.Size
	}

	return sha256.Size
}

func (b *IDBlock) matches(data, want []byte) bool {
	if b.HashName == "sha512" {
		got := sha512.Sum512(data)

		return bytes.HasPrefix(want, got[:])
	}

	got := sha256.Sum256(data)

	return bytes.HasPrefix(want, got[:])
}
