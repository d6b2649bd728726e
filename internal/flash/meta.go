// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"talos-nanopi-m6/internal/inspect"
)

// Talos keeps settings that must be known before its configuration is in the META partition: two copies of a block of
// 256 KiB, big-endian: magic, then tag, size and value of each setting, at the end a SHA-256 of the block (counted as zeros)
// and a second magic. Source: siderolabs/talos v1.10.6, internal/pkg/meta/internal/adv/talos.
const (
	metaLength = 256 << 10
	metaMagic1 = 0x5a4b3c2d
	metaMagic2 = 0xa5b4c3d2
	metaTail   = 36 // sum and second magic, bytes
)

// Keys of META that people set (siderolabs/talos v1.10.6, pkg/machinery/meta/constants.go).
var MetaKeys = map[uint8]string{
	0x0a: "network configuration of the metal platform (YAML)",
	0x0b: "value of ${code} in the URL of talos.config",
	0x0c: "reserved for the user",
	0x0d: "reserved for the user",
	0x0e: "reserved for the user",
	0x0f: "UUID of the machine",
	0x10: "unique token of the machine",
}

// ErrMeta says that settings cannot be stored.
var ErrMeta = errors.New("META")

// packMeta makes both copies of a block.
func packMeta(values map[uint8]string) ([]byte, error) {
	b := make([]byte, metaLength)
	be := binary.BigEndian

	be.PutUint32(b, metaMagic1)
	be.PutUint32(b[metaLength-4:], metaMagic2)

	data := b[4 : metaLength-metaTail]

	for _, tag := range slices.Sorted(maps.Keys(values)) {
		v := values[tag]
		if len(v)+8 > len(data) {
			return nil, fmt.Errorf("%w: the values take more than the %d bytes there are", ErrMeta, metaLength-metaTail-4)
		}

		be.PutUint32(data, uint32(tag))
		be.PutUint32(data[4:], uint32(len(v)))
		copy(data[8:], v)
		data = data[8+len(v):]
	}

	seal(b)

	return slices.Concat(b, b), nil
}

// seal writes a block's sum.
func seal(b []byte) []byte {
	clear(b[metaLength-metaTail : metaLength-4])
	sum := sha256.Sum256(b)
	copy(b[metaLength-metaTail:], sum[:])

	return b
}

// unpackMeta reads a block. One that is empty or damaged holds nothing, as for Talos.
func unpackMeta(b []byte) map[uint8]string {
	values := map[uint8]string{}
	be := binary.BigEndian

	if len(b) != metaLength || be.Uint32(b) != metaMagic1 || be.Uint32(b[metaLength-4:]) != metaMagic2 {
		return values
	}

	plain := slices.Clone(b)
	clear(plain[metaLength-metaTail : metaLength-4])

	if sum := sha256.Sum256(plain); !slices.Equal(sum[:], b[metaLength-metaTail:metaLength-4]) {
		return values
	}

	for data := b[4 : metaLength-metaTail]; len(data) >= 8; {
		tag, size := be.Uint32(data), be.Uint32(data[4:])
		if tag == 0 || uint64(size)+8 > uint64(len(data)) {
			break
		}

		values[uint8(tag)] = string(data[8 : 8+size])
		data = data[8+size:]
	}

	return values
}

// settings writes META values, beside those the image has.
func (j *job) settings() error {
	if len(j.Meta) == 0 {
		return nil
	}

	at, err := j.partition("META", 2*metaLength)
	if err != nil {
		return err
	}

	b := make([]byte, metaLength)
	if _, err := j.view().ReadAt(b, at); err != nil {
		return err
	}

	values := unpackMeta(b)
	maps.Copy(values, j.Meta)

	packed, err := packMeta(values)
	if err != nil {
		return err
	}

	return j.certain(packed, at)
}

// partition finds a partition of at least size bytes in the image.
func (j *job) partition(name string, size int64) (int64, error) {
	list, err := inspect.Partitions(j.view(), j.size)
	if err != nil {
		return 0, err
	}

	for _, p := range list {
		if p.Name == name && p.Size >= size {
			return p.Offset, nil
		}
	}

	return 0, fmt.Errorf("%w: the image has no partition of that name and %d bytes", ErrMeta, size)
}
