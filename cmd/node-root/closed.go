// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// libraries are where Debian's loader looks by itself.
var libraries = []string{"/usr/lib/aarch64-linux-gnu", "/usr/lib"}

// object is what an ELF file asks of the root it is in.
type object struct {
	machine elf.Machine
	// interpreter is the loader's path; "" where none is asked for.
	interpreter string
	// needed are names of libraries, runpath the directories in which it looks for them first.
	needed, runpath []string
}

// closed names what is missing in a root.
func closed(root string) ([]string, error) {
	var faults []string

	err := walk(root, func(name, at string, d fs.DirEntry) error {
		switch {
		case d.Type() == fs.ModeSymlink:
			if !exists(root, at) {
				faults = append(faults, at+" leads nowhere")
			}
		case d.Type().IsRegular() && !strings.HasSuffix(name, ".ko"): // modules load no library
			o, err := readObject(name)
			if err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}

			if o != nil {
				faults = append(faults, o.missing(root, at)...)
			}
		}

		return nil
	})

	return faults, err
}

// missing names what an object at a path does not find.
func (o *object) missing(root, at string) []string {
	var faults []string

	if o.machine != elf.EM_AARCH64 {
		faults = append(faults, at+" is not for AArch64")
	}

	if o.interpreter != "" && !exists(root, o.interpreter) {
		faults = append(faults, at+" wants the loader "+o.interpreter)
	}

	for _, name := range o.needed {
		found := false

		for _, directory := range append(o.runpath, libraries...) {
			found = found || exists(root, path.Join(directory, name))
		}

		if !found {
			faults = append(faults, at+" wants the library "+name)
		}
	}

	return faults
}

// links is how many symbolic links are followed for one path, as Linux does (MAXSYMLINKS).
const links = 40

// exists says whether a path is there: its links lead from this root, not from the machine's.
func exists(root, name string) bool {
	done, rest := "/", elements(name)

	for followed := 0; len(rest) > 0; {
		next := path.Join(done, rest[0])
		rest = rest[1:]

		status, err := os.Lstat(filepath.Join(root, next))
		if err != nil {
			return false
		}

		if status.Mode().Type() != fs.ModeSymlink {
			done = next

			continue
		}

		target, err := os.Readlink(filepath.Join(root, next))
		if followed++; err != nil || followed > links {
			return false
		}

		if !path.IsAbs(target) {
			target = path.Join(done, target)
		}

		done, rest = "/", append(elements(target), rest...)
	}

	return true
}

// elements are the names in a path.
func elements(name string) []string {
	return strings.FieldsFunc(path.Clean("/"+name), func(r rune) bool { return r == '/' })
}

// readObject reads a file; nil is one that is not ELF.
func readObject(name string) (*object, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read

	magic := make([]byte, len(elf.ELFMAG))
	if n, _ := f.ReadAt(magic, 0); string(magic[:n]) != elf.ELFMAG {
		return nil, nil
	}

	e, err := elf.NewFile(f)
	if err != nil {
		return nil, err
	}

	o := &object{machine: e.Machine}

	for _, p := range e.Progs {
		if p.Type == elf.PT_INTERP {
			b := make([]byte, p.Filesz)
			if _, err := p.ReadAt(b, 0); err != nil {
				return nil, err
			}

			o.interpreter = string(bytes.TrimRight(b, "\x00"))
		}
	}

	var errs error

	entries := func(tag elf.DynTag) []string {
		list, err := e.DynString(tag)
		errs = errors.Join(errs, err)

		return list
	}

	o.needed = entries(elf.DT_NEEDED)

	for _, list := range append(entries(elf.DT_RPATH), entries(elf.DT_RUNPATH)...) {
		o.runpath = append(o.runpath, strings.Split(list, ":")...)
	}

	return o, errs
}
