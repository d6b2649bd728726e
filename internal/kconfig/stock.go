// SPDX-License-Identifier: MPL-2.0

package kconfig

import (
	"fmt"
	"slices"
	"strings"
)

// Lacks is what another project's kernel does not have of what the board asks for: nix/kernel/talos/lacks-*.yaml.
type Lacks struct {
	// Devices names compatible strings without a driver there.
	Devices []Reason `yaml:"devices"`
	// Symbols names options that are off there.
	Symbols []Exception `yaml:"symbols"`

	path string
}

// ReadLacks reads such a file.
func ReadLacks(path string) (Lacks, error) {
	lacks := Lacks{path: path}

	if err := readYAML(path, &lacks); err != nil {
		return lacks, err
	}

	for _, r := range lacks.Devices {
		if r.Why == "" || len(r.Compatible) == 0 {
			return lacks, fmt.Errorf("%s: %v: compatible and why are both needed", path, r.Compatible)
		}
	}

	return lacks, complete(path, lacks.Symbols)
}

// CheckStock gives a line for every node that this project's kernel drives and the other one does not, for every option
// that is asked for and off there, and for every lack that is none. A module serves: the other kernel's modules lie in the
// initramfs, and are loaded by the devices' names. Values of options are not compared.
func CheckStock(config Config, served []Served, devices Devices, needs []Needs, lacks Lacks) []string {
	var wrong []string

	used := map[string]bool{}

	names := func(reasons []Reason, node Node) (string, bool) {
		for _, r := range reasons {
			for _, c := range r.Compatible {
				if slices.Contains(node.Compatible, c) {
					return c, true
				}
			}
		}

		return "", false
	}

	for _, s := range served {
		if _, ours := names(slices.Concat(devices.NoDriver, devices.Off), s.Node); ours || s.Present {
			continue
		}

		if lack, said := names(lacks.Devices, s.Node); said {
			used[lack] = true
		} else {
			wrong = append(wrong, fmt.Sprintf("%s (%s): no driver there: %s; say so in %s",
				s.Path, strings.Join(s.Compatible, ", "), list(s.Drivers), lacks.path))
		}
	}

	for _, consumer := range needs {
		for _, need := range consumer.Needs {
			for _, symbol := range slices.Concat(need.BuiltIn, need.Present) {
				if config.Present(symbol) {
					continue
				}

				if slices.ContainsFunc(lacks.Symbols, func(e Exception) bool { return slices.Contains(e.Symbols, symbol) }) {
					used[symbol] = true
				} else {
					wrong = append(wrong, fmt.Sprintf("CONFIG_%s is off there (%s); say so in %s", symbol, need.Why, lacks.path))
				}
			}
		}
	}

	for _, r := range lacks.Devices {
		for _, c := range r.Compatible {
			if !used[c] {
				wrong = append(wrong, fmt.Sprintf("%s: it has a driver for %s, or nothing asks for one: drop it", lacks.path, c))
			}
		}
	}

	for _, e := range lacks.Symbols {
		for _, symbol := range e.Symbols {
			if !used[symbol] {
				wrong = append(wrong, fmt.Sprintf("%s: it has CONFIG_%s, or nothing asks for it: drop it", lacks.path, symbol))
			}
		}
	}

	slices.Sort(wrong)

	// Trees have most of their nodes in common.
	return slices.Compact(wrong)
}
