// SPDX-License-Identifier: MPL-2.0

package main

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spdx/tools-golang/spdx/v2/common"
)

// Program is one or more Go executables of one module, with what they were built from.
type Program struct {
	Component
	// Binaries are paths of the executables, or of directories of them.
	Binaries []string
	// Vendor is the directory of vendored modules, for their licences; Sums is the go.sum that pins them.
	Vendor, Sums string
}

const (
	// standardLibrary comes with the compiler, whose version it has.
	standardLibrary = "go standard library"
	// sumPrefix is before a module's hash, which is one of its files' list and so no package's checksum.
	sumPrefix = "go.sum: "
)

// addModules adds every module that is linked into a program, and the toolchain's standard library.
func (b *builder) addModules(program common.ElementID, p Program) error {
	sums, err := readSums(p.Sums)
	if err != nil {
		return err
	}

	files, err := executables(p.Binaries)
	if err != nil {
		return err
	}

	linked := map[common.ElementID]bool{}

	for _, path := range files {
		info, err := buildinfo.ReadFile(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}

		modules := []Component{{
			Name:    standardLibrary,
			Version: strings.TrimPrefix(info.GoVersion, "go"),
			License: "BSD-3-Clause",
			PURL:    "pkg:golang/stdlib@" + strings.TrimPrefix(info.GoVersion, "go"),
		}}

		for _, m := range info.Deps {
			module, err := b.module(m, p.Vendor, sums)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}

			modules = append(modules, module)
		}

		for _, m := range modules {
			id, ok := b.modules[m.PURL]
			if !ok {
				if id, err = b.add("go", m); err != nil {
					return err
				}

				b.modules[m.PURL] = id
			}

			if !linked[id] {
				linked[id] = true
				b.relate(program, common.TypeRelationshipStaticLink, id)
			}
		}
	}

	return nil
}

// module describes a linked module. One that a replace directive stands in for is the one it is replaced by, in the
// directory of the replaced.
func (b *builder) module(m *debug.Module, vendor string, sums map[string]string) (Component, error) {
	is := m
	if m.Replace != nil {
		is = m.Replace
	}

	sum := is.Sum
	if sum == "" {
		sum = sums[is.Path+" "+is.Version]
	}

	if sum == "" {
		return Component{}, fmt.Errorf("%s %s: no hash in go.sum", is.Path, is.Version)
	}

	if b.licences == nil {
		read, err := newLicences()
		if err != nil {
			return Component{}, err
		}

		b.licences = read
	}

	license, err := b.licences.of(filepath.Join(vendor, m.Path))
	if err != nil {
		return Component{}, err
	}

	return Component{
		Name:    is.Path,
		Version: is.Version,
		License: license,
		PURL:    "pkg:golang/" + is.Path + "@" + is.Version,
		Comment: sumPrefix + sum,
	}, nil
}

// readSums gives the hashes of modules by path and version.
func readSums(path string) (map[string]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}

	sums := map[string]string{}

	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && !strings.HasSuffix(f[1], "/go.mod") {
			sums[f[0]+" "+f[1]] = f[2]
		}
	}

	return sums, nil
}

func executables(paths []string) ([]string, error) {
	var files []string

	for _, path := range paths {
		found, err := filepath.Glob(filepath.Join(path, "*"))
		if err != nil {
			return nil, err
		}

		if len(found) == 0 {
			found = []string{path}
		}

		files = append(files, found...)
	}

	if len(files) == 0 {
		return nil, errors.New("no executables are named")
	}

	slices.Sort(files)

	return files, nil
}
