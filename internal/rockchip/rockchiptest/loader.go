// SPDX-License-Identifier: MPL-2.0

// Package rockchiptest makes boot loaders for tests: in the form of U-Boot's images, with other content.
package rockchiptest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"

	"github.com/u-root/u-root/pkg/dt"

	"talos-nanopi-m6/internal/rockchip"
)

// Spec says what a loader has in it. Sizes are in bytes.
type Spec struct {
	// Seed makes loaders differ.
	Seed uint64
	// DDR and SPL are the sizes of the two stages; mkimage rounds them up to 2 KiB.
	DDR, SPL int
	// BL31, UBoot and FDT are the sizes of the FIT's images.
	BL31, UBoot, FDT int
	// StandIn puts the stand-in in the DDR blob's place.
	StandIn bool
	// NoHash leaves the FIT's hashes out, as U-Boot does without CONFIG_SPL_FIT_SIGNATURE.
	NoHash bool
}

// Real has the sizes of the loader this project builds.
var Real = Spec{Seed: 1, DDR: 75 << 10, SPL: 200 << 10, BL31: 200 << 10, UBoot: 850 << 10, FDT: 60 << 10}

// Small is quick to write and to search.
var Small = Spec{Seed: 1, DDR: 3000, SPL: 5000, BL31: 3000, UBoot: 9000, FDT: 1100}

// With gives the same loader with other content.
func (s Spec) With(seed uint64) Spec {
	s.Seed = seed

	return s
}

// Image makes U-Boot's image for a layout: padded with 0xff, as binman pads it.
func (s Spec) Image(layout rockchip.Layout) []byte {
	random := rand.New(rand.NewPCG(s.Seed, 0))

	image := bytes.Repeat([]byte{0xff}, int(layout.FIT-layout.FileStart))
	copy(image[layout.IDBlock-layout.FileStart:], s.idblock(random))

	return append(image, s.fit(random)...)
}

// content is bytes that do not compress and do not repeat.
func content(random *rand.Rand, size int) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(random.Uint32())
	}

	return data
}

// idblock does what mkimage -T rksd does (tools/rkcommon.c, rkcommon_set_header0_v2).
func (s Spec) idblock(random *rand.Rand) []byte {
	ddr := content(random, s.DDR)
	if s.StandIn {
		ddr = []byte(rockchip.StandInMagic)
	}

	block := make([]byte, rockchip.HeaderSize)
	copy(block, rockchip.Magic)
	binary.LittleEndian.PutUint32(block[8:], 2<<16|384)
	binary.LittleEndian.PutUint32(block[12:], 1)

	for i, stage := range [][]byte{ddr, content(random, s.SPL)} {
		stage = append(stage, make([]byte, -len(stage)&2047)...)
		entry := block[120+88*i:]
		sum := sha256.Sum256(stage)

		binary.LittleEndian.PutUint32(entry, uint32(len(stage)/512<<16|len(block)/512))
		binary.LittleEndian.PutUint32(entry[4:], 0xffffffff)
		binary.LittleEndian.PutUint32(entry[12:], uint32(i+1))
		copy(entry[24:], sum[:])

		block = append(block, stage...)
	}

	sum := sha256.Sum256(block[:1536])
	copy(block[1536:], sum[:])

	return block
}

// fit does what binman does with rockchip-u-boot.dtsi: external data, aligned to 512 bytes.
func (s Spec) fit(random *rand.Rand) []byte {
	var data []byte

	image := func(name string, size int, properties ...dt.Property) *dt.Node {
		blob := content(random, size)
		data = append(data, make([]byte, -len(data)&511)...)

		node := dt.NewNode(name, dt.WithProperty(append([]dt.Property{
			dt.PropertyString("description", name),
			dt.PropertyString("compression", "none"),
		}, properties...)...), dt.WithProperty(
			dt.PropertyU32("data-size", uint32(size)),
			dt.PropertyU32("data-offset", uint32(len(data))),
		))

		if !s.NoHash {
			sum := sha256.Sum256(blob)
			node.Children = append(node.Children, dt.NewNode("hash", dt.WithProperty(
				dt.PropertyString("algo", "sha256"), dt.Property{Name: "value", Value: sum[:]})))
		}

		data = append(data, blob...)

		return node
	}

	load := func(address uint32) dt.Property { return dt.PropertyU32("load", address) }
	images := dt.NewNode("images", dt.WithChildren(
		image("u-boot", s.UBoot, dt.PropertyString("os", "U-Boot"), load(0x00a00000)),
		image("atf-1", s.BL31, dt.PropertyString("os", "arm-trusted-firmware"), load(0x00040000), dt.PropertyU32("entry", 0x00040000)),
		image("atf-2", s.BL31/8, dt.PropertyString("os", "arm-trusted-firmware"), load(0xff100000)),
		image("fdt-1", s.FDT, dt.PropertyString("type", "flat_dt")),
	))

	tree := &dt.FDT{
		Header: dt.Header{Magic: dt.Magic, Version: 17, LastCompVersion: 16},
		RootNode: dt.NewNode("", dt.WithProperty(
			dt.PropertyU32("timestamp", 1700000000),
			dt.PropertyString("description", "FIT image for U-Boot with bl31 (TF-A)"),
			dt.PropertyU32("#address-cells", 1),
		), dt.WithChildren(images, dt.NewNode("configurations", dt.WithProperty(
			dt.PropertyString("default", "config-1")), dt.WithChildren(dt.NewNode("config-1", dt.WithProperty(
			dt.PropertyString("description", "test"),
			dt.PropertyString("firmware", "atf-1"),
			dt.Property{Name: "loadables", Value: []byte("u-boot\x00atf-2\x00")},
			dt.PropertyString("fdt", "fdt-1"),
		)))))),
	}

	var flat bytes.Buffer
	if _, err := tree.Write(&flat); err != nil {
		panic(err) // into memory: only a fault of this package
	}

	// mkimage rounds the tree up to the alignment and says so in its header.
	total := (flat.Len() + 511) &^ 511
	out := append(flat.Bytes(), make([]byte, total-flat.Len())...)
	binary.BigEndian.PutUint32(out[4:], uint32(total))

	return append(out, data...)
}
