// SPDX-License-Identifier: MPL-2.0

package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const module = "talos-nanopi-m6/"

// packages is the graph of the packages that programs are made of: cmd, installer and internal, tests and their fixtures apart.
func packages(root string) (graph, error) {
	g := graph{}

	for _, top := range []string{"cmd", "installer", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(file string, d fs.DirEntry, err error) error {
			name := filepath.ToSlash(strings.TrimPrefix(file, root+string(filepath.Separator)))

			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "testdata" || name == "internal/fixture"):
				return fs.SkipDir
			case d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
				return nil
			}

			code, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}

			pkg := short(path.Dir(name))
			g[pkg] = append(g[pkg], nil...)

			for _, i := range code.Imports {
				if imported, err := strconv.Unquote(i.Path.Value); err == nil && strings.HasPrefix(imported, module) {
					g[pkg] = append(g[pkg], short(strings.TrimPrefix(imported, module)))
				}
			}

			return nil
		})
		if err != nil {
			return nil, err
		}
	}

	for pkg, needs := range g {
		slices.Sort(needs)
		g[pkg] = slices.Compact(needs)
	}

	return g, nil
}

// short leaves out what the picture says anyway.
func short(pkg string) string { return strings.TrimPrefix(pkg, "internal/") }
