// SPDX-License-Identifier: MPL-2.0

package kconfig

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/u-root/u-root/pkg/dt"

	"talos-nanopi-m6/internal/fdt"
)

// Devices is what the check of a device tree knows beside tree and source: nix/kernel/needs/device-tree.yaml.
type Devices struct {
	// BuiltIn names compatible strings whose driver boot needs, so that a module is not enough.
	BuiltIn []Reason `yaml:"built-in"`
	// NoDriver names compatible strings no driver matches by name.
	NoDriver []Reason `yaml:"no-driver"`
	// Off names compatible strings whose driver this kernel leaves out.
	Off []Reason `yaml:"off"`

	path string
}

// Reason is said of one or more compatible strings.
type Reason struct {
	Compatible []string `yaml:"compatible"`
	Why        string   `yaml:"why"`
}

// ReadDevices reads nix/kernel/needs/device-tree.yaml.
func ReadDevices(path string) (Devices, error) {
	devices := Devices{path: path}

	if err := readYAML(path, &devices); err != nil {
		return devices, err
	}

	for _, r := range slices.Concat(devices.BuiltIn, devices.NoDriver, devices.Off) {
		if r.Why == "" || len(r.Compatible) == 0 {
			return devices, fmt.Errorf("%s: %v: compatible and why are both needed", path, r.Compatible)
		}
	}

	return devices, nil
}

// Node is an enabled device tree node with compatible strings, the most exact one first.
type Node struct {
	Path       string
	Compatible []string
}

// ReadNodes reads the nodes of a compiled device tree (.dtb) that describe something to drive: neither they nor a node
// above them is disabled, and the root, whose strings name the machine, is none.
func ReadNodes(path string) ([]Node, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}

	tree, err := fdt.Read(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}

	var nodes []Node

	for _, child := range tree.RootNode.Children {
		nodes = append(nodes, enabled("", child)...)
	}

	if len(nodes) == 0 {
		return nil, fmt.Errorf("%s: no enabled node with a compatible string", path)
	}

	return nodes, nil
}

func enabled(parent string, node *dt.Node) []Node {
	if !fdt.Enabled(node) {
		return nil
	}

	var nodes []Node

	path := parent + "/" + node.Name

	if compatible := fdt.Strings(node, "compatible"); len(compatible) > 0 {
		nodes = append(nodes, Node{Path: path, Compatible: compatible})
	}

	for _, child := range node.Children {
		nodes = append(nodes, enabled(path, child)...)
	}

	return nodes
}

// Served says which drivers the source has for a node, and whether the configuration has one of them.
type Served struct {
	Node
	Drivers          []Driver
	Present, BuiltIn bool
}

// Serve looks every node's drivers up in the kernel source.
func Serve(config Config, source string, nodes []Node) ([]Served, error) {
	strings := map[string]bool{}

	for _, node := range nodes {
		for _, c := range node.Compatible {
			strings[c] = true
		}
	}

	drivers, err := FindDrivers(source, slices.Sorted(maps.Keys(strings)))
	if err != nil {
		return nil, err
	}

	served := make([]Served, 0, len(nodes))

	for _, node := range nodes {
		s := Served{Node: node}

		for _, c := range node.Compatible {
			for _, d := range drivers[c] {
				present, builtIn := d.Enabled(config)
				s.Present = s.Present || present
				s.BuiltIn = s.BuiltIn || builtIn
				s.Drivers = append(s.Drivers, d)
			}
		}

		served = append(served, s)
	}

	return served, nil
}

// CheckDevices gives a line for every node the kernel does not drive as it must and no reason excuses, and for every
// reason that excuses nothing.
func CheckDevices(served []Served, devices Devices) []string {
	var wrong []string

	used := map[string]bool{}

	// covered reports whether a reason of the list names one of the node's strings.
	covered := func(kind string, reasons []Reason, node Node) bool {
		for _, r := range reasons {
			for _, c := range r.Compatible {
				if slices.Contains(node.Compatible, c) {
					used[kind+c] = true

					return true
				}
			}
		}

		return false
	}

	for _, s := range served {
		name := s.Path + " (" + strings.Join(s.Compatible, ", ") + ")"
		boot := covered("built-in", devices.BuiltIn, s.Node)

		switch {
		case boot && !s.BuiltIn:
			wrong = append(wrong, fmt.Sprintf("%s: boot needs its driver built in: %s", name, list(s.Drivers)))
		case len(s.Drivers) == 0:
			if !covered("no-driver", devices.NoDriver, s.Node) {
				wrong = append(wrong, fmt.Sprintf("%s: no driver in the source matches it: say why in %s", name, devices.path))
			}
		case !s.Present:
			if !covered("off", devices.Off, s.Node) {
				wrong = append(wrong, fmt.Sprintf("%s: its driver is off: set %s, or say why not in %s", name, list(s.Drivers), devices.path))
			}
		}
	}

	for kind, reasons := range map[string][]Reason{"built-in": devices.BuiltIn, "no-driver": devices.NoDriver, "off": devices.Off} {
		for _, r := range reasons {
			for _, c := range r.Compatible {
				if !used[kind+c] {
					wrong = append(wrong, fmt.Sprintf("%s: %s has %s, but nothing in the tree calls for that: drop it", devices.path, kind, c))
				}
			}
		}
	}

	slices.Sort(wrong)

	return wrong
}

func list(drivers []Driver) string {
	if len(drivers) == 0 {
		return "no driver in the source matches it"
	}

	names := make([]string, 0, len(drivers))
	for _, d := range drivers {
		names = append(names, d.String())
	}

	return strings.Join(names, "; ")
}
