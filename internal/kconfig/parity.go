// SPDX-License-Identifier: MPL-2.0

package kconfig

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Parity lists the options another kernel has on and ours has off, each with a class and the reason:
// nix/kernel/needs/parity.yaml.
type Parity struct {
	Excuses []Excuse `yaml:"excuses"`

	path string
}

// Excuse is said of options that are off although the other kernel has them on.
type Excuse struct {
	Class string `yaml:"class"`
	Why   string `yaml:"why"`
	// Options are names, or patterns of path.Match where the class allows one.
	Options []string `yaml:"options"`
}

// Class of an excuse.
const (
	OtherSoC       = "other-soc"
	Unattachable   = "unattachable"
	ServerFirmware = "server-firmware"
	Compiler       = "compiler"
	Absent         = "absent"
	Debugging      = "debugging"
	Stricter       = "stricter"
	Otherwise      = "otherwise"
)

// patterns says of every class whether its options may be patterns. A setting that is a choice of ours is named one by
// one, so that no option to come falls under it unread.
var patterns = map[string]bool{
	OtherSoC:       true,
	Unattachable:   true,
	ServerFirmware: true,
	Compiler:       true,
	Absent:         false,
	Debugging:      false,
	Stricter:       false,
	Otherwise:      false,
}

// ReadParity reads nix/kernel/needs/parity.yaml.
func ReadParity(file string) (Parity, error) {
	parity := Parity{path: file}

	if err := readYAML(file, &parity); err != nil {
		return parity, err
	}

	for _, e := range parity.Excuses {
		allowed, known := patterns[e.Class]

		switch {
		case !known:
			return parity, fmt.Errorf("%s: %v: %q is not a class; there are %s",
				file, e.Options, e.Class, strings.Join(slices.Sorted(maps.Keys(patterns)), ", "))
		case e.Why == "" || len(e.Options) == 0:
			return parity, fmt.Errorf("%s: %s: %v: options and why are both needed", file, e.Class, e.Options)
		}

		for _, o := range e.Options {
			if _, err := path.Match(o, ""); err != nil {
				return parity, fmt.Errorf("%s: %s: %q: %w", file, e.Class, o, err)
			}

			if !allowed && isPattern(o) {
				return parity, fmt.Errorf("%s: %q: options of class %s are named one by one", file, o, e.Class)
			}
		}
	}

	return parity, nil
}

func isPattern(option string) bool { return strings.ContainsAny(option, `*?[\`) }

var optionName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// ReadOptions reads a list of options, one a line without CONFIG_; lines with # are comments.
func ReadOptions(file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only

	var options []string

	lines := bufio.NewScanner(f)
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()

		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case !optionName.MatchString(line) || strings.HasPrefix(line, "CONFIG_"):
			return nil, fmt.Errorf("%s:%d: got %q, want the name of an option without CONFIG_", file, number, line)
		default:
			options = append(options, line)
		}
	}

	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}

	if len(options) == 0 {
		return nil, fmt.Errorf("%s: no option in it", file)
	}

	return options, nil
}

// CheckParity gives a line for every option of the lists that is off without an excuse, and for every option or pattern
// of an excuse that excuses nothing, but for what the compiler decides. The lists are by the file they came from; defined are the options of the source.
func CheckParity(config Config, lists map[string][]string, defined map[string]bool, parity Parity) []string {
	var wrong []string

	used := map[string]bool{}
	seen := map[string]bool{}

	for _, list := range slices.Sorted(maps.Keys(lists)) {
		for _, option := range lists[list] {
			if config.Present(option) || seen[option] {
				continue
			}

			seen[option] = true
			excused := false

			for _, e := range parity.Excuses {
				for _, o := range e.Options {
					if match, _ := path.Match(o, option); !match { // ReadParity matched it once
						continue
					}

					used[e.Class+" "+o] = true
					excused = true

					if e.Class == Absent && defined[option] {
						wrong = append(wrong, fmt.Sprintf("CONFIG_%s: %s says this kernel has no such option, but its source does",
							option, parity.path))
					}
				}
			}

			if !excused {
				wrong = append(wrong, fmt.Sprintf("CONFIG_%s is on in %s and off here: turn it on in nix/kernel/config, or give class and reason in %s",
					option, list, parity.path))
			}
		}
	}

	for _, e := range parity.Excuses {
		// Two package sets have two compilers.
		if e.Class == Compiler {
			continue
		}

		for _, o := range e.Options {
			if !used[e.Class+" "+o] {
				wrong = append(wrong, fmt.Sprintf("%s: %s: %s excuses nothing that is off: drop it", parity.path, e.Class, o))
			}
		}
	}

	slices.Sort(wrong)

	return wrong
}

var definition = regexp.MustCompile(`(?m)^\s*(?:menu)?config\s+([A-Za-z0-9_]+)\s*(?:#.*)?$`)

// DefinedOptions gives the options that a kernel source's Kconfig files define, for any architecture.
func DefinedOptions(source string) (map[string]bool, error) {
	defined := map[string]bool{}

	err := filepath.WalkDir(source, func(file string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasPrefix(entry.Name(), "Kconfig") {
			return err
		}

		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}

		for _, match := range definition.FindAllStringSubmatch(string(text), -1) {
			defined[match[1]] = true
		}

		return nil
	})
	if err != nil {
		return nil, err
	}

	if len(defined) == 0 {
		return nil, fmt.Errorf("%s: not a kernel source (no Kconfig file defines an option)", source)
	}

	return defined, nil
}
