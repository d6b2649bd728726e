// SPDX-License-Identifier: MPL-2.0

// Package loader reads boot loaders for the board: what the mask ROM and SPL would find on a medium.
package loader

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/u-root/u-root/pkg/dt"

	"talos-nanopi-m6/internal/fdt"
	"talos-nanopi-m6/internal/rockchip"
)

// Loader is the boot loader the board would start.
type Loader struct {
	// Medium is the layout it is for.
	Medium string `json:"medium"`
	// IDBlockAt and FITAt are where the board finds them on the medium, in bytes.
	IDBlockAt int64 `json:"idblockAt"`
	FITAt     int64 `json:"fitAt,omitempty"`
	// HashName is what the header's sums are.
	HashName string  `json:"hash,omitempty"`
	Stages   []Stage `json:"stages,omitempty"`
	DDR      DDR     `json:"ddr"`
	// Versions as the programs themselves print them; empty where none was found.
	SPL   string `json:"spl,omitempty"`
	UBoot string `json:"uBoot,omitempty"`
	BL31  string `json:"bl31,omitempty"`

	Config string     `json:"config,omitempty"`
	Images []FITImage `json:"images,omitempty"`

	// Notes say what is unusual and does no harm.
	Notes []string `json:"notes,omitempty"`
	// Refused says why what comes earlier in the board's search was not taken.
	Refused []string `json:"refused,omitempty"`
	// Bootable says that the board's own search ends with success; Problem why it does not.
	Bootable bool   `json:"bootable"`
	Problem  string `json:"problem,omitempty"`
}

// Stage is a program the mask ROM starts. Offset is counted from the header, both are in bytes.
type Stage struct {
	Name   string `json:"name"`
	Offset int64  `json:"offset"`
	Size   int64  `json:"size"`
	Digest string `json:"digest"`
}

// FITImage is an image in the FIT. Offset is counted from the FIT's start, Offset and Size are in bytes.
type FITImage struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Type        string   `json:"type,omitempty"`
	OS          string   `json:"os,omitempty"`
	Compression string   `json:"compression,omitempty"`
	Load        *uint64  `json:"load,omitempty"`
	Entry       *uint64  `json:"entry,omitempty"`
	Offset      int64    `json:"offset"`
	Size        int64    `json:"size"`
	Hashes      []string `json:"hashes,omitempty"`
}

// Versions as programs print them.
var (
	splVersion   = regexp.MustCompile(`U-Boot SPL (\d{4}\.\d{2}[^\s\x00]*)`)
	ubootVersion = regexp.MustCompile(`U-Boot (\d{4}\.\d{2}[^\s\x00]*) `)
	bl31Version  = regexp.MustCompile(`v\d+\.\d+(?:\.\d+)?(?:-[^\s\x00(]+)?\((?:release|debug)\):[^\s\x00]*|lts-v[\d.]+\((?:release|debug)\):[^\s\x00]*`)
)

// firstMatch gives the last group of the first match, or "".
func firstMatch(re *regexp.Regexp, b []byte) string {
	m := re.FindSubmatch(b)
	if m == nil {
		return ""
	}

	return string(m[len(m)-1])
}

// Read follows the board's search over a medium. It is nil where nothing looks like a loader.
func Read(medium io.ReaderAt, layout rockchip.Layout) *Loader {
	l := &Loader{Medium: layout.Medium}

	found, err := rockchip.Search(medium, layout)
	if err != nil {
		l.Problem = err.Error()

		return l.partly(medium, layout)
	}

	l.Bootable = true
	l.IDBlockAt, l.FITAt = found.IDBlockAt, found.FITAt

	for _, r := range found.Refused {
		l.Refused = append(l.Refused, r.Error())
	}

	l.idblock(medium, found.IDBlock)
	l.fit(medium, found.FIT)

	return l
}

// partly shows what there is of a loader the board would not start.
func (l *Loader) partly(medium io.ReaderAt, layout rockchip.Layout) *Loader {
	header := make([]byte, rockchip.HeaderSize)

	if _, err := medium.ReadAt(header, layout.IDBlock); err != nil && !errors.Is(err, io.EOF) {
		return nil
	}

	fit := make([]byte, 4)
	_, _ = medium.ReadAt(fit, layout.FIT)

	hasBlock := bytes.HasPrefix(header, []byte(rockchip.Magic))
	if !hasBlock && binary.BigEndian.Uint32(fit) != dt.Magic {
		return nil
	}

	if block, err := rockchip.ParseIDBlock(header); err == nil {
		l.IDBlockAt = layout.IDBlock
		l.idblock(medium, block)
	}

	if found, err := rockchip.ReadFIT(medium, layout.FIT); err == nil {
		l.FITAt = layout.FIT
		l.fit(medium, found)
	}

	return l
}

// idblock fills in what the header and the two stages say.
func (l *Loader) idblock(medium io.ReaderAt, block *rockchip.IDBlock) {
	l.HashName = block.HashName

	header := make([]byte, rockchip.HeaderSize)
	if _, err := medium.ReadAt(header, l.IDBlockAt); err == nil && len(block.Stages) > 0 {
		// The sum is as long as the stages'; mkimage leaves zeros behind it, which nothing covers.
		if !zero(header[headerSum+len(block.Stages[0].Digest):]) {
			l.Notes = append(l.Notes, "what stands behind the header's sum is not zero")
		}
	}

	for n, s := range block.Stages {
		name := fmt.Sprintf("stage %d", n+1)
		if n < len(stageNames) {
			name = stageNames[n]
		}

		l.Stages = append(l.Stages, Stage{name, s.Offset, s.Size, hex.EncodeToString(s.Digest)})

		b := make([]byte, s.Size)
		if _, err := medium.ReadAt(b, l.IDBlockAt+s.Offset); err != nil {
			continue
		}

		switch n {
		case 0:
			l.DDR = identifyDDR(b)
		case 1:
			l.SPL = firstMatch(splVersion, b)
		}
	}
}

// headerSum is where the header's sum stands, in bytes (U-Boot v2025.01, tools/rkcommon.c, struct header0_info_v2).
const headerSum = rockchip.HeaderSize - rockchip.SectorSize

var stageNames = []string{"TPL (DDR)", "SPL"}

// fit fills in what the FIT's images say.
func (l *Loader) fit(medium io.ReaderAt, fit *rockchip.FIT) {
	l.Config = fit.Config

	tree, _ := readTree(medium, l.FITAt)

	for _, i := range fit.Images {
		image := FITImage{Name: i.Name, Offset: i.Offset, Size: i.Size, Hashes: i.Hashes}

		if tree != nil {
			image.describe(fdt.Lookup(tree.RootNode, "/images/"+i.Name))
		}

		l.Images = append(l.Images, image)

		b := make([]byte, i.Size)
		if _, err := medium.ReadAt(b, l.FITAt+i.Offset); err != nil {
			continue
		}

		if l.UBoot == "" {
			l.UBoot = firstMatch(ubootVersion, b)
		}

		if l.BL31 == "" {
			l.BL31 = firstMatch(bl31Version, b)
		}
	}
}

func (i *FITImage) describe(node *dt.Node) {
	if node == nil {
		return
	}

	i.Description = fdt.String(node, "description")
	i.Type = fdt.String(node, "type")
	i.OS = fdt.String(node, "os")
	i.Compression = fdt.String(node, "compression")
	i.Load = address(node, "load")
	i.Entry = address(node, "entry")
}

// address reads an address of one or two cells.
func address(node *dt.Node, name string) *uint64 {
	b, ok := fdt.Property(node, name)
	if !ok || len(b) != 4 && len(b) != 8 {
		return nil
	}

	var v uint64
	for _, c := range b {
		v = v<<8 | uint64(c)
	}

	return &v
}

// readTree reads the flattened device tree at a place.
func readTree(r io.ReaderAt, at int64) (*dt.FDT, error) {
	header := make([]byte, 8)
	if _, err := r.ReadAt(header, at); err != nil {
		return nil, err
	}

	size, err := fdt.TotalSize(header)
	if err != nil {
		return nil, err
	}

	b := make([]byte, size)
	if _, err := r.ReadAt(b, at); err != nil {
		return nil, err
	}

	return fdt.Read(b)
}

// ReadFile reads a loader's file as if it stood on the medium it is for.
func ReadFile(r io.ReaderAt, layout rockchip.Layout) *Loader {
	return Read(placed{r, layout.FileStart}, layout)
}

// ReadIDBlock reads an idbloader without a FIT behind it.
func ReadIDBlock(r io.ReaderAt) *Loader {
	l := &Loader{Medium: "idbloader", Problem: "no FIT with U-Boot behind it: this is a part of a boot loader"}

	header := make([]byte, rockchip.HeaderSize)
	if _, err := r.ReadAt(header, 0); err != nil {
		l.Problem = err.Error()

		return l
	}

	block, err := rockchip.ParseIDBlock(header)
	if err != nil {
		l.Problem = err.Error()

		return l
	}

	l.idblock(r, block)

	b := make([]byte, block.End())
	if _, err := r.ReadAt(b, 0); err != nil {
		l.Problem = rockchip.ErrTruncated.Error()
	} else if err := block.VerifyStages(b); err != nil {
		l.Problem = err.Error()
	}

	return l
}

// ReadFIT reads a FIT without an idblock before it.
func ReadFIT(r io.ReaderAt) *Loader {
	l := &Loader{Medium: "FIT"}

	f, err := rockchip.ReadFIT(r, 0)
	if err != nil {
		l.Problem = err.Error()

		return l
	}

	l.fit(r, f)

	return l
}

// placed is a file seen as the medium it is written to: its first byte stands at a place, and before it is nothing.
type placed struct {
	r  io.ReaderAt
	at int64
}

func (p placed) ReadAt(b []byte, off int64) (int, error) {
	if off >= p.at {
		return p.r.ReadAt(b, off-p.at)
	}

	n := min(int64(len(b)), p.at-off)
	clear(b[:n])

	if n == int64(len(b)) {
		return int(n), nil
	}

	m, err := p.r.ReadAt(b[n:], 0)

	return int(n) + m, err
}
