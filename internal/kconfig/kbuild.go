// SPDX-License-Identifier: MPL-2.0

package kconfig

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Driver is a source file of the kernel that matches some compatible string.
type Driver struct {
	// File is its path from the top of the source.
	File string
	// Symbols lists the ways to have it built: any one of them with all its symbols set (a file its directory always
	// builds has one empty way).
	Symbols [][]string
}

// Enabled reports whether the configuration builds the driver, and whether it does so into the kernel.
func (d Driver) Enabled(config Config) (present, builtIn bool) {
	for _, way := range d.Symbols {
		set, in := true, true

		for _, symbol := range way {
			set = set && config.Present(symbol)
			in = in && config.BuiltIn(symbol)
		}

		present = present || set
		builtIn = builtIn || (set && in)
	}

	return present, builtIn
}

func (d Driver) String() string {
	ways := make([]string, 0, len(d.Symbols))

	for _, way := range d.Symbols {
		if len(way) == 0 {
			ways = append(ways, "always built")
		} else {
			ways = append(ways, "CONFIG_"+strings.Join(way, " and CONFIG_"))
		}
	}

	return d.File + " (" + strings.Join(ways, ", or ") + ")"
}

// driverDirs are where the kernel keeps what matches a device tree's compatible strings.
var driverDirs = []string{"drivers", "sound", "arch/arm64", "kernel"}

// Where a source file says that it serves a compatible string: in a table of struct of_device_id, or by one of the
// linker section macros of include/linux/of.h and its users (CLK_OF_DECLARE, IRQCHIP_DECLARE, TIMER_OF_DECLARE, ...;
// IRQCHIP_MATCH in drivers/irqchip). An early console is not a driver. Each pattern starts with plain letters, which the
// regexp package finds fast: it reads some 30,000 files.
var matches = []*regexp.Regexp{
	regexp.MustCompile(`\.compatible\s*=\s*"([^"\n]+)"`),
	regexp.MustCompile(`DECLARE(?:_[A-Z0-9]+)*\(\s*\w+\s*,\s*"([^"\n]+)"`),
	regexp.MustCompile(`IRQCHIP_MATCH\(\s*"([^"\n]+)"`),
}

var earlyConsole = regexp.MustCompile(`OF_EARLYCON_DECLARE\([^)]*\)`)

// FindDrivers looks the compatible strings up in a kernel source, and the symbols that build what it finds in its
// makefiles. A string that nothing matches is not in the result.
func FindDrivers(source string, compatibles []string) (map[string][]Driver, error) {
	wanted := map[string]bool{}
	for _, c := range compatibles {
		wanted[c] = true
	}

	found := map[string][]Driver{}
	makefiles := kbuild{source: source, read: map[string]makefile{}}

	for _, dir := range driverDirs {
		err := filepath.WalkDir(filepath.Join(source, dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return fmt.Errorf("%s is not a kernel source: %w", source, err)
			}

			// drivers/of walks trees and drives nothing; its tables name what to skip or to look inside of.
			if entry.IsDir() && path == filepath.Join(source, "drivers/of") {
				return filepath.SkipDir
			}

			if entry.IsDir() || filepath.Ext(path) != ".c" {
				return nil
			}

			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}

			text = earlyConsole.ReplaceAll(text, nil)
			here := map[string]bool{}

			for _, pattern := range matches {
				for _, m := range pattern.FindAllSubmatch(text, -1) {
					if c := string(m[1]); wanted[c] {
						here[c] = true
					}
				}
			}

			if len(here) == 0 {
				return nil
			}

			file, err := filepath.Rel(source, path)
			if err != nil {
				return err
			}

			ways, err := makefiles.ways(filepath.Dir(file), strings.TrimSuffix(filepath.Base(file), ".c")+".o", nil)
			if err != nil {
				return err
			}

			for _, c := range slices.Sorted(maps.Keys(here)) {
				found[c] = append(found[c], Driver{File: file, Symbols: ways})
			}

			return nil
		})
		if err != nil {
			return nil, err
		}
	}

	return found, nil
}

// kbuild answers which symbols build an object, from the makefiles of a kernel source
// (Documentation/kbuild/makefiles.rst). Of a conditional, the symbols its first branch asks for count; the other branches
// count as if always there.
type kbuild struct {
	source string
	read   map[string]makefile
}

// makefile maps what a directory builds (objects and, with a slash at the end, directories) to where it is named.
type makefile map[string][]goal

// goal is one assignment: to obj-$(CONFIG_X), or to the parts of a composite object.
type goal struct {
	// composite is the object it is part of; empty for obj-.
	composite string
	// symbols are those of its left side and of the conditionals around it.
	symbols []string
}

var (
	assignment  = regexp.MustCompile(`^([\w.-]+)-(y|m|objs|\$\([^=]*\))\s*[:+]?=\s*(.*)$`)
	conditional = regexp.MustCompile(`^(ifeq|ifneq|ifdef|ifndef|else|endif)\b(.*)$`)
	symbolName  = regexp.MustCompile(`CONFIG_(\w+)`)
	// An ifeq that compares with y or m, an ifneq that compares with nothing: the symbol must be set.
	asksFor = regexp.MustCompile(`^(?:ifdef\s|ifeq.*,\s*[ym]\)|ifneq.*,\s*\))`)
)

func symbolsIn(text string) []string {
	var symbols []string

	for _, m := range symbolName.FindAllStringSubmatch(text, -1) {
		symbols = append(symbols, m[1])
	}

	return symbols
}

func (k kbuild) makefile(dir string) (makefile, error) {
	if m, ok := k.read[dir]; ok {
		return m, nil
	}

	var (
		text []byte
		err  error
	)

	for _, name := range []string{"Kbuild", "Makefile"} {
		if text, err = os.ReadFile(filepath.Join(k.source, dir, name)); err == nil {
			break
		}
	}

	if err != nil {
		return nil, fmt.Errorf("no makefile for what is in %s: %w", dir, err)
	}

	m := makefile{}

	var around [][]string

	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)

		if c := conditional.FindStringSubmatch(line); c != nil {
			around = enter(around, c[1], line)

			continue
		}

		parts := assignment.FindStringSubmatch(line)
		if parts == nil {
			continue
		}

		g := goal{symbols: slices.Concat(slices.Concat(around...), symbolsIn(parts[2]))}

		if parts[1] != "obj" {
			g.composite = parts[1] + ".o"
		}

		for _, item := range strings.Fields(parts[3]) {
			m[item] = append(m[item], g)
		}
	}

	k.read[dir] = m

	return m, nil
}

// enter follows a conditional: around has the symbols of each one open.
func enter(around [][]string, keyword, line string) [][]string {
	switch keyword {
	case "endif":
		if len(around) > 0 {
			around = around[:len(around)-1]
		}
	case "else":
		if len(around) > 0 {
			around[len(around)-1] = nil
		}
	default:
		if asksFor.MatchString(line) {
			return append(around, symbolsIn(line))
		}

		return append(around, nil)
	}

	return around
}

// ways gives the sets of symbols that build an object of a directory; none when no makefile names it. Objects it is
// part of stand in parents, so that a name that contains itself ends the search.
func (k kbuild) ways(dir, object string, parents []string) ([][]string, error) {
	m, err := k.makefile(dir)
	if err != nil {
		return nil, err
	}

	var ways [][]string

	for _, g := range m[object] {
		var outer [][]string

		switch {
		case g.composite == "":
			outer, err = k.directory(dir)
		case g.composite == object || slices.Contains(parents, g.composite):
			continue
		default:
			outer, err = k.ways(dir, g.composite, append(parents, object))
		}

		if err != nil {
			return nil, err
		}

		ways = append(ways, with(outer, g.symbols)...)
	}

	return ways, nil
}

// directory gives the sets of symbols that make the build enter a directory.
func (k kbuild) directory(dir string) ([][]string, error) {
	parent := filepath.Dir(dir)

	// The top's own Kbuild enters these always; a directory in arch/ is entered for its architecture.
	if parent == "." || strings.HasPrefix(dir, "arch/") {
		return [][]string{{}}, nil
	}

	m, err := k.makefile(parent)
	if err != nil {
		return nil, err
	}

	goals := m[filepath.Base(dir)+"/"]

	// Some makefiles reach two levels down (obj-$(CONFIG_X) += a/b/).
	if grand := filepath.Dir(parent); len(goals) == 0 && grand != "." {
		if m, err = k.makefile(grand); err != nil {
			return nil, err
		}

		goals, parent = m[filepath.Base(parent)+"/"+filepath.Base(dir)+"/"], grand
	}

	var ways [][]string

	for _, g := range goals {
		outer, err := k.directory(parent)
		if err != nil {
			return nil, err
		}

		ways = append(ways, with(outer, g.symbols)...)
	}

	return ways, nil
}

func with(ways [][]string, symbols []string) [][]string {
	all := make([][]string, 0, len(ways))

	for _, way := range ways {
		way = slices.Clone(way)

		for _, symbol := range symbols {
			if !slices.Contains(way, symbol) {
				way = append(way, symbol)
			}
		}

		all = append(all, way)
	}

	return all
}
