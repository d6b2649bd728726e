// SPDX-License-Identifier: MPL-2.0

// Package fdt reads flattened device trees that come from outside, and applies overlays to them.
package fdt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/u-root/u-root/pkg/dt"
)

// MaxSize is the largest tree that is read, in bytes. The kernel maps 2 MiB at most (arm64, MAX_FDT_SIZE).
const MaxSize = 2 << 20

// headerSize is the size of a version 17 header in bytes (Devicetree Specification v0.4, 5.2).
const headerSize = 40

// Errors that say how a tree fails.
var (
	ErrNoTree    = errors.New("not a device tree")
	ErrTruncated = errors.New("device tree is cut short")
	ErrDamaged   = errors.New("device tree is damaged")
)

// TotalSize reads how many bytes the tree that starts with header has; 8 bytes of it are enough.
func TotalSize(header []byte) (int64, error) {
	if len(header) < 8 {
		return 0, fmt.Errorf("%d bytes: %w", len(header), ErrTruncated)
	}

	if magic := binary.BigEndian.Uint32(header); magic != dt.Magic {
		return 0, fmt.Errorf("starts with %#08x, not %#08x: %w", magic, dt.Magic, ErrNoTree)
	}

	size := int64(binary.BigEndian.Uint32(header[4:]))
	if size < headerSize || size > MaxSize {
		return 0, fmt.Errorf("size of %d bytes is not between %d and %d: %w", size, headerSize, MaxSize, ErrDamaged)
	}

	return size, nil
}

// Read reads the tree at data's start; what follows it is ignored.
func Read(data []byte) (*dt.FDT, error) {
	size, err := TotalSize(data)
	if err != nil {
		return nil, err
	}

	if size > int64(len(data)) {
		return nil, fmt.Errorf("%d of %d bytes: %w", len(data), size, ErrTruncated)
	}

	data = data[:size]

	if err := checkLengths(data); err != nil {
		return nil, err
	}

	tree, err := dt.ReadFDT(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}

	if err := checkNames(tree.RootNode, ""); err != nil {
		return nil, err
	}

	return tree, nil
}

// checkNames refuses what has a name twice: who reads takes the first, or the last, or both.
func checkNames(node *dt.Node, path string) error {
	seen := map[string]bool{}

	for _, p := range node.Properties {
		if seen[p.Name] {
			return fmt.Errorf("%s/%s is there twice: %w", path, p.Name, ErrDamaged)
		}

		seen[p.Name] = true
	}

	seen = map[string]bool{}

	for _, child := range node.Children {
		if seen[child.Name] {
			return fmt.Errorf("node %s/%s is there twice: %w", path, child.Name, ErrDamaged)
		}

		seen[child.Name] = true

		if err := checkNames(child, path+"/"+child.Name); err != nil {
			return err
		}
	}

	return nil
}

// checkLengths makes sure that every length the tree names lies inside it. The dt package allocates what a length says
// before it reads, and libfdt refuses such trees, too (fdt_check_header, fdt_next_tag).
func checkLengths(data []byte) error {
	var hdr dt.Header

	if err := binary.Read(bytes.NewReader(data), binary.BigEndian, &hdr); err != nil {
		return fmt.Errorf("%w: %w", ErrTruncated, err)
	}

	size := uint64(len(data))

	if hdr.Version < 17 || hdr.LastCompVersion > 17 {
		return fmt.Errorf("version %d, readable as %d: only version 17 is read: %w", hdr.Version, hdr.LastCompVersion, ErrDamaged)
	}

	for name, block := range map[string]struct{ offset, size uint32 }{
		"memory reservations": {hdr.OffMemRsvmap, 16},
		"structure":           {hdr.OffDtStruct, hdr.SizeDtStruct},
		"strings":             {hdr.OffDtStrings, hdr.SizeDtStrings},
	} {
		if uint64(block.offset)+uint64(block.size) > size {
			return fmt.Errorf("%s: %d bytes at %d end past %d: %w", name, block.size, block.offset, size, ErrDamaged)
		}
	}

	return checkStructure(data[hdr.OffDtStruct:hdr.OffDtStruct+hdr.SizeDtStruct], data[hdr.OffDtStrings:hdr.OffDtStrings+hdr.SizeDtStrings])
}

// Tokens of the structure block (Devicetree Specification v0.4, 5.4.1).
const (
	beginNode = 1
	endNode   = 2
	property  = 3
	nop       = 4
	end       = 9
)

// Limits on what the dt package takes without end: nodes within nodes (the kernel's FDT_MAX_DEPTH), and names, in bytes, which it
// copies for each property and builds letter by letter for each node. The specification has 31 of them.
const (
	maxDepth = 64
	maxName  = 255
)

func checkStructure(block, names []byte) error {
	depth := 0

	for at := 0; ; {
		if at+4 > len(block) {
			return fmt.Errorf("structure ends without its end token: %w", ErrDamaged)
		}

		token := binary.BigEndian.Uint32(block[at:])
		at += 4

		switch token {
		case beginNode:
			name := bytes.IndexByte(block[at:], 0)
			if name < 0 || name > maxName {
				return fmt.Errorf("node name at byte %d of the structure does not end within %d bytes: %w", at, maxName, ErrDamaged)
			}

			if depth++; depth > maxDepth {
				return fmt.Errorf("nodes are nested deeper than %d: %w", maxDepth, ErrDamaged)
			}

			at = align4(at + name + 1)
		case endNode:
			depth--
		case property:
			if at+8 > len(block) {
				return fmt.Errorf("property at byte %d of the structure is cut short: %w", at, ErrDamaged)
			}

			length := binary.BigEndian.Uint32(block[at:])
			if uint64(length) > uint64(len(block)-at-8) {
				return fmt.Errorf("property at byte %d of the structure claims %d bytes: %w", at, length, ErrDamaged)
			}

			name := binary.BigEndian.Uint32(block[at+4:])
			if int64(name) >= int64(len(names)) || bytes.IndexByte(names[name:min(int(name)+maxName+1, len(names))], 0) < 0 {
				return fmt.Errorf("name of the property at byte %d of the structure does not end within %d bytes: %w", at, maxName, ErrDamaged)
			}

			at = align4(at + 8 + int(length))
		case nop:
		case end:
			return nil
		default:
			return fmt.Errorf("unknown token %d at byte %d of the structure: %w", token, at-4, ErrDamaged)
		}
	}
}

func align4(n int) int { return (n + 3) &^ 3 }

// Write gives the tree's flattened form.
func Write(tree *dt.FDT) ([]byte, error) {
	var out bytes.Buffer

	if _, err := tree.Write(&out); err != nil {
		return nil, err
	}

	return out.Bytes(), nil
}

// Child finds the node's child of that name, or nil. As in libfdt, a name without unit address also finds the first
// child that has it before the "@".
func Child(node *dt.Node, name string) *dt.Node {
	for _, child := range node.Children {
		if child.Name == name {
			return child
		}

		if base, _, ok := strings.Cut(child.Name, "@"); ok && base == name {
			return child
		}
	}

	return nil
}

// Lookup finds a node by its path ("/soc/i2c@fec90000", or "i2c7" after an alias), or nil.
func Lookup(root *dt.Node, path string) *dt.Node {
	if alias, rest, _ := strings.Cut(path, "/"); alias != "" {
		aliases := Child(root, "aliases")
		if aliases == nil {
			return nil
		}

		base := String(aliases, alias)
		if !strings.HasPrefix(base, "/") {
			return nil
		}

		path = base + "/" + rest
	}

	node := root

	for name := range strings.SplitSeq(path, "/") {
		if name == "" {
			continue
		}

		if node = Child(node, name); node == nil {
			return nil
		}
	}

	return node
}

// Property gives the node's property of that name, and whether there is one.
func Property(node *dt.Node, name string) ([]byte, bool) {
	p, ok := node.LookProperty(name)
	if !ok {
		return nil, false
	}

	return p.Value, true
}

// String gives the node's property as the string it holds, or "" where it holds none.
func String(node *dt.Node, name string) string {
	for _, first := range Strings(node, name) {
		return first
	}

	return ""
}

// Strings gives the node's property as the list of strings it holds; empty where it holds none.
func Strings(node *dt.Node, name string) []string {
	value, _ := Property(node, name)

	text, ok := strings.CutSuffix(string(value), "\x00")
	if !ok {
		return nil
	}

	return strings.Split(text, "\x00")
}

// Uint32 gives the node's property as the one number it holds, and whether it holds one.
func Uint32(node *dt.Node, name string) (uint32, bool) {
	value, _ := Property(node, name)
	if len(value) != 4 {
		return 0, false
	}

	return binary.BigEndian.Uint32(value), true
}

// Enabled says whether a node is not disabled: one without a status is enabled (Devicetree Specification v0.4, 2.3.4).
func Enabled(node *dt.Node) bool {
	status := String(node, "status")

	return status == "" || status == "okay" || status == "ok"
}
