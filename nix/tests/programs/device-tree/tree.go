// SPDX-License-Identifier: MPL-2.0

// Package devicetree asks a board's compiled device tree what it means: which node a reference leads to, which pins a
// device takes, which voltages a regulator may give. Its tests hold the board's tree to what is known of the board.
package devicetree

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/u-root/u-root/pkg/dt"

	"talos-nanopi-m6/internal/fdt"
)

// Errors that say how a reference fails.
var (
	ErrNoNode    = errors.New("no such node")
	ErrDangling  = errors.New("leads to no node")
	ErrNoCells   = errors.New("leads to a node that does not take such references")
	ErrCutShort  = errors.New("ends inside a reference")
	ErrDuplicate = errors.New("belongs to two nodes")
)

// Tree is a device tree whose references can be followed.
type Tree struct {
	// Root is the node "/".
	Root *Node

	byPhandle map[uint32]*Node
}

// Node is a node that knows its place.
type Node struct {
	*dt.Node

	// Path is the node's full path, "/" for the root.
	Path string
	// Parent is nil for the root.
	Parent *Node
	// Children are in the order of the file.
	Children []*Node
}

// Open reads a .dtb file.
func Open(name string) (*Tree, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}

	file, err := fdt.Read(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}

	tree, err := New(file.RootNode)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}

	return tree, nil
}

// New makes a tree of root and what is below it. It fails where a phandle belongs to two nodes.
func New(root *dt.Node) (*Tree, error) {
	tree := &Tree{byPhandle: map[uint32]*Node{}}

	var err error

	tree.Root, err = tree.add(nil, root)

	return tree, err
}

func (t *Tree) add(parent *Node, node *dt.Node) (*Node, error) {
	place := "/"
	if parent != nil {
		place = path.Join(parent.Path, node.Name)
	}

	n := &Node{Node: node, Path: place, Parent: parent}

	if phandle, ok := fdt.Uint32(node, "phandle"); ok {
		if other := t.byPhandle[phandle]; other != nil {
			return nil, fmt.Errorf("phandle %#x of %s and %s: %w", phandle, other.Path, place, ErrDuplicate)
		}

		t.byPhandle[phandle] = n
	}

	for _, child := range node.Children {
		c, err := t.add(n, child)
		if err != nil {
			return nil, err
		}

		n.Children = append(n.Children, c)
	}

	return n, nil
}

// Node finds the node at a full path.
func (t *Tree) Node(place string) (*Node, error) {
	node := t.Root

	for name := range strings.SplitSeq(strings.Trim(place, "/"), "/") {
		if name == "" {
			continue
		}

		i := slices.IndexFunc(node.Children, func(n *Node) bool { return n.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("%s: %w", place, ErrNoNode)
		}

		node = node.Children[i]
	}

	return node, nil
}

// Walk visits the node and all below it, parents first. Where visit says false, what is below is left out.
func (n *Node) Walk(visit func(*Node) bool) {
	if !visit(n) {
		return
	}

	for _, child := range n.Children {
		child.Walk(visit)
	}
}

// Enabled visits every node that an operating system would use: those not disabled, below none that is
// (Devicetree Specification v0.4, 2.3.4).
func (t *Tree) Enabled(visit func(*Node)) {
	t.Root.Walk(func(n *Node) bool {
		if !n.Okay() {
			return false
		}

		visit(n)

		return true
	})
}

// Okay reports whether the node itself is not disabled.
func (n *Node) Okay() bool { return fdt.Enabled(n.Node) }

// Has reports whether the node has the property.
func (n *Node) Has(property string) bool {
	_, ok := fdt.Property(n.Node, property)

	return ok
}

// Cells gives the property as 32-bit numbers; empty where the node has none or its length is no multiple of 4 bytes.
func (n *Node) Cells(property string) []uint32 {
	value, _ := fdt.Property(n.Node, property)
	if len(value)%4 != 0 {
		return nil
	}

	cells := make([]uint32, 0, len(value)/4)
	for ; len(value) > 0; value = value[4:] {
		cells = append(cells, binary.BigEndian.Uint32(value))
	}

	return cells
}

// Reference is one entry of a property that points at nodes.
type Reference struct {
	// To is nil for an entry left out on purpose (phandle 0).
	To *Node
	// Arguments follow the phandle, as many as the node's #…-cells says.
	Arguments []uint32
}

// kind is a way in which properties point at nodes.
type kind struct {
	property *regexp.Regexp
	// cells names the property of the target that says how many numbers follow; "" for none.
	cells string
	// single is set where only the first entry is a reference and the rest is the device's own.
	single bool
}

// kinds are the references of the bindings that the RK3588's trees use; dtc checks about the same (checks.c).
var kinds = []kind{
	{property: regexp.MustCompile(`^pinctrl-[0-9]+$`)},
	{property: regexp.MustCompile(`-supply$`)},
	{property: regexp.MustCompile(`^(.*-)?gpios?$`), cells: "#gpio-cells"},
	{property: regexp.MustCompile(`^(assigned-)?clocks$`), cells: "#clock-cells"},
	{property: regexp.MustCompile(`^assigned-clock-parents$`), cells: "#clock-cells"},
	{property: regexp.MustCompile(`^resets$`), cells: "#reset-cells"},
	{property: regexp.MustCompile(`^phys$`), cells: "#phy-cells"},
	{property: regexp.MustCompile(`^power-domains$`), cells: "#power-domain-cells"},
	{property: regexp.MustCompile(`^dmas$`), cells: "#dma-cells"},
	{property: regexp.MustCompile(`^iommus$`), cells: "#iommu-cells"},
	{property: regexp.MustCompile(`^interrupts-extended$`), cells: "#interrupt-cells"},
	{property: regexp.MustCompile(`^thermal-sensors$`), cells: "#thermal-sensor-cells"},
	{property: regexp.MustCompile(`^cooling-device$`), cells: "#cooling-cells"},
	{property: regexp.MustCompile(`^io-channels$`), cells: "#io-channel-cells"},
	{property: regexp.MustCompile(`^sound-dai$`), cells: "#sound-dai-cells"},
	{property: regexp.MustCompile(`^pwms$`), cells: "#pwm-cells"},
	{property: regexp.MustCompile(`^(nvmem-cells|interrupt-parent|phy-handle|remote-endpoint|operating-points-v2|trip)$`)},
	{property: regexp.MustCompile(`^(next-level-cache|cpu-idle-states|shmem|snps,(axi|mtl-[rt]x)-config)$`)},
	{property: regexp.MustCompile(`^(cpu|affinity|ports|memory-region|reset-parent|pm_qos|backlight)$`)},
	{property: regexp.MustCompile(`^rockchip,([a-z0-9]+-)*(grf|pmu|vop|vo1?-grf|php-grf|ioc)$`), single: true},
}

// References decodes a property that points at nodes. It gives nil, nil for a property that is of no such kind.
func (t *Tree) References(node *Node, property string) ([]Reference, error) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.property.MatchString(property) })
	if i < 0 || !node.Has(property) {
		return nil, nil
	}

	// gpio-hog's own line: numbers without a phandle (gpio.txt).
	if property == "gpios" && node.Has("gpio-hog") {
		return nil, nil
	}

	var references []Reference

	cells := node.Cells(property)
	for len(cells) > 0 {
		phandle := cells[0]
		cells = cells[1:]

		if phandle == 0 {
			references = append(references, Reference{})

			continue
		}

		to := t.byPhandle[phandle]
		if to == nil {
			return nil, fmt.Errorf("%s: %s: phandle %#x %w", node.Path, property, phandle, ErrDangling)
		}

		count := uint32(0)

		if kinds[i].cells != "" {
			var ok bool
			if count, ok = fdt.Uint32(to.Node, kinds[i].cells); !ok {
				return nil, fmt.Errorf("%s: %s %w: %s has no %s", node.Path, property, ErrNoCells, to.Path, kinds[i].cells)
			}
		}

		if int(count) > len(cells) {
			return nil, fmt.Errorf("%s: %s %w to %s: %d cells of %d", node.Path, property, ErrCutShort, to.Path, len(cells), count)
		}

		references = append(references, Reference{To: to, Arguments: cells[:count]})
		cells = cells[count:]

		if kinds[i].single {
			break
		}
	}

	return references, nil
}

// Follow gives the one node that the property leads to.
func (t *Tree) Follow(node *Node, property string) (*Node, error) {
	references, err := t.References(node, property)
	if err != nil {
		return nil, err
	}

	if len(references) != 1 || references[0].To == nil {
		return nil, fmt.Errorf("%s: %s leads to %d nodes, not to one: %w", node.Path, property, len(references), ErrNoNode)
	}

	return references[0].To, nil
}
