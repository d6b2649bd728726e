// SPDX-License-Identifier: MPL-2.0

package kconfig

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"gopkg.in/yaml.v3"
)

// Needs is what one consumer wants of the kernel; a file of its own under nix/kernel/needs/software.
type Needs struct {
	// Consumer names it, with the versions looked at.
	Consumer string `yaml:"consumer"`
	Needs    []Need `yaml:"needs"`
	// Without lists what the consumer's own list names and this kernel leaves out on purpose.
	Without []Exception `yaml:"without"`

	path string
}

// Need is one reason to have some symbols.
type Need struct {
	Why string `yaml:"why"`
	// Source is where that is written down: a file of the consumer's, or a page.
	Source string `yaml:"source"`
	// BuiltIn must be y: they are used before a module could be loaded.
	BuiltIn []string `yaml:"built-in"`
	// Present must be y or m.
	Present []string `yaml:"present"`
	// Off must not be set.
	Off []string `yaml:"off"`
	// Value must be exactly that, written as in .config.
	Value map[string]string `yaml:"value"`
}

// Exception is said of symbols left as they are although a list asks otherwise.
type Exception struct {
	Symbols []string `yaml:"symbols"`
	Why     string   `yaml:"why"`
}

// readYAML reads a file into value; a key it does not know is an error, so that a misspelt need cannot pass unread.
func readYAML(path string, value any) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() // read only

	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)

	if err := decoder.Decode(value); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}

	return nil
}

// ReadNeeds reads every *.yaml file of a directory, and refuses a need without why, source or symbols.
func ReadNeeds(dir string) ([]Needs, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}

	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: no *.yaml file with needs in it", dir)
	}

	all := make([]Needs, 0, len(paths))

	for _, path := range paths {
		needs, err := ReadNeed(path)
		if err != nil {
			return nil, err
		}

		all = append(all, needs)
	}

	return all, nil
}

// ReadNeed reads one of these files.
func ReadNeed(path string) (Needs, error) {
	needs := Needs{path: path}

	if err := readYAML(path, &needs); err != nil {
		return needs, err
	}

	return needs, needs.complete()
}

func (n Needs) complete() error {
	if n.Consumer == "" || len(n.Needs) == 0 {
		return fmt.Errorf("%s: names no consumer, or no requirement", n.path)
	}

	for i, need := range n.Needs {
		if need.Why == "" || need.Source == "" {
			return fmt.Errorf("%s: requirement %d of %s has no why or no source", n.path, i+1, n.Consumer)
		}

		if len(need.BuiltIn)+len(need.Present)+len(need.Off)+len(need.Value) == 0 {
			return fmt.Errorf("%s: %q names no symbol", n.path, need.Why)
		}
	}

	return complete(n.path, n.Without)
}

func complete(path string, exceptions []Exception) error {
	for _, e := range exceptions {
		if len(e.Symbols) == 0 || e.Why == "" {
			return fmt.Errorf("%s: exception for %v: symbols and why are both needed", path, e.Symbols)
		}
	}

	return nil
}

// CheckNeeds gives a line for every need the configuration does not meet, and for every exception it does not use.
func CheckNeeds(config Config, all []Needs) []string {
	var missing []string

	for _, needs := range all {
		for _, need := range needs.Needs {
			complain := func(want, symbol string) {
				missing = append(missing, fmt.Sprintf("%s: %s: wants CONFIG_%s %s, has %s (%s)",
					needs.Consumer, need.Why, symbol, want, config.show(symbol), need.Source))
			}

			for _, symbol := range need.BuiltIn {
				if !config.BuiltIn(symbol) {
					complain("built in", symbol)
				}
			}

			for _, symbol := range need.Present {
				if !config.Present(symbol) {
					complain("built in or as a module", symbol)
				}
			}

			for _, symbol := range need.Off {
				if _, set := config[symbol]; set {
					complain("off", symbol)
				}
			}

			for _, symbol := range slices.Sorted(maps.Keys(need.Value)) {
				if config[symbol] != need.Value[symbol] {
					complain("to be "+need.Value[symbol], symbol)
				}
			}
		}

		for _, e := range needs.Without {
			for _, symbol := range e.Symbols {
				if config.Present(symbol) {
					missing = append(missing, fmt.Sprintf("%s: CONFIG_%s is said to be left out (%s), but is set: drop the exception from %s",
						needs.Consumer, symbol, e.Why, needs.path))
				}
			}
		}
	}

	return missing
}
