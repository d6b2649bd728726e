// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/google/uuid"
	"gopkg.in/yaml.v3"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/inspect/gpt"
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

// MaxMeta is the largest value, in bytes.
const MaxMeta = metaLength - metaTail - 4 - 8

// CheckMeta says why Talos could not use a value, or nil. What it cannot decode it tries again for ever.
func CheckMeta(key uint8, value string) error {
	if len(value) > MaxMeta {
		return fmt.Errorf("%w: %#x: more than the %d bytes there are", ErrMeta, key, MaxMeta)
	}

	var err error

	switch key {
	case 0x0a:
		err = checkNetwork(value)
	case 0x0f:
		if err = uuid.Validate(value); err == nil && len(value) != 36 {
			err = errors.New("want the form 01234567-89ab-cdef-0123-456789abcdef")
		}
	case 0x10:
		if value == "" || strings.ContainsFunc(value, unicode.IsSpace) {
			err = errors.New("a token is not empty, and has no white space in it")
		}
	}

	if err != nil {
		return fmt.Errorf("%w: %#x, %s: %w", ErrMeta, key, MetaKeys[key], err)
	}

	return nil
}

// checkNetwork decodes a network configuration as Talos does (v1.10 to v1.13, PlatformConfigSpec in
// pkg/machinery/resources/network): netip checks addresses there, too.
func checkNetwork(value string) error {
	var n struct {
		Addresses []struct {
			Address netip.Prefix   `yaml:"address"`
			Other   map[string]any `yaml:",inline"`
		} `yaml:"addresses"`
		Links  []map[string]any `yaml:"links"`
		Routes []struct {
			Destination netip.Prefix   `yaml:"dst"`
			Source      netip.Addr     `yaml:"src"`
			Gateway     netip.Addr     `yaml:"gateway"`
			Other       map[string]any `yaml:",inline"`
		} `yaml:"routes"`
		Hostnames []map[string]any `yaml:"hostnames"`
		Resolvers []struct {
			Servers []netip.Addr   `yaml:"dnsServers"`
			Other   map[string]any `yaml:",inline"`
		} `yaml:"resolvers"`
		TimeServers []map[string]any `yaml:"timeServers"`
		Operators   []map[string]any `yaml:"operators"`
		ExternalIPs []netip.Addr     `yaml:"externalIPs"`
		Probes      []map[string]any `yaml:"probes"`
		Metadata    map[string]any   `yaml:"metadata"`
	}

	d := yaml.NewDecoder(strings.NewReader(value))
	d.KnownFields(true)

	if err := d.Decode(&n); err != nil && !errors.Is(err, io.EOF) {
		return err
	}

	return nil
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

// metaAt reads the first copy of the block at a place, in bytes.
func metaAt(r io.ReaderAt, at int64) (map[uint8]string, error) {
	b := make([]byte, metaLength)
	if _, err := r.ReadAt(b, at); err != nil {
		return nil, err
	}

	return unpackMeta(b), nil
}

// settings writes META values, beside those the image has.
func (j *job) settings() error {
	if len(j.Meta) == 0 {
		return nil
	}

	values, err := metaAt(j.view(), j.plan.meta)
	if err != nil {
		return err
	}

	maps.Copy(values, j.Meta)

	packed, err := packMeta(values)
	if err != nil {
		return err
	}

	return disk.Commit(j.dev, disk.Piece{What: "META", Offset: j.plan.meta, Data: packed})
}

// partition finds a partition of at least size bytes by an image's first table.
func (j *job) partition(view io.ReaderAt, name string, size int64) (int64, error) {
	parts, err := gpt.Primary(view, j.dev.Size())
	if err != nil {
		return 0, err
	}

	for _, p := range parts {
		if p.Name == name && p.Size >= size {
			return p.Offset, nil
		}
	}

	return 0, fmt.Errorf("%w: the image has no partition of that name and %d bytes", ErrMeta, size)
}
