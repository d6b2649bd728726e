// SPDX-License-Identifier: MPL-2.0

package main

import (
	"io/fs"
	"path/filepath"
	"strings"
)

// walk calls visit for all that is in a root: by its name on this machine, and by its path at that root.
func walk(root string, visit func(name, at string, d fs.DirEntry) error) error {
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}

		return visit(name, "/"+strings.TrimPrefix(strings.TrimPrefix(name, root), "/"), d)
	})
}
