// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"talos-nanopi-m6/internal/disk"
)

// safe is a writer of messages. What comes from outside, such as a partition's name, cannot steer a terminal through it:
// control characters, and those that turn the direction of writing, are written as JSON writes them, so that JSON stays JSON.
type safe struct{ w io.Writer }

func (s safe) Write(p []byte) (int, error) {
	if _, err := io.WriteString(s.w, escape(string(p))); err != nil {
		return 0, err
	}

	return len(p), nil
}

func escape(s string) string {
	steers := func(r rune) bool {
		return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError)
	}

	if !strings.ContainsFunc(s, steers) {
		return s
	}

	var b strings.Builder

	for _, r := range s {
		if steers(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}

	return b.String()
}

// raw is what is below a writer of messages: for what m6 itself draws with, and for a machine's own console.
func raw(w io.Writer) io.Writer {
	if s, ok := w.(safe); ok {
		return s.w
	}

	return w
}

// createOutput makes a file that a report or a log goes to. It never is what is read, nor a disk.
func createOutput(path string, inputs ...string) (*os.File, error) {
	if st, err := os.Stat(path); err == nil {
		if disk.IsDevice(path) {
			return nil, fmt.Errorf("%s: %w: it is a disk", path, disk.ErrTarget)
		}

		for _, input := range inputs {
			in, err := os.Stat(input)

			switch {
			case disk.ThisHost.Same(input, path):
				return nil, fmt.Errorf("%s and %s are the same: %w", input, path, disk.ErrSame)
			case err == nil && in.IsDir() && st.Mode().IsRegular() && inside(path, input):
				return nil, fmt.Errorf("%s is a part of %s: %w", path, input, disk.ErrSame)
			}
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}

	return os.Create(path)
}

// inside says whether a file is below a directory.
func inside(file, dir string) bool {
	found := errors.New("found")

	st, err := os.Stat(file)
	if err != nil {
		return false
	}

	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}

		if other, err := d.Info(); err == nil && os.SameFile(st, other) {
			return found
		}

		return nil
	})

	return errors.Is(err, found)
}
