// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"io"
	"slices"
	"strings"
	"testing"

	"talos-nanopi-m6/internal/fixture/diskimage"
	"talos-nanopi-m6/internal/inspect/gpt"
)

// A path is as long as the names of all directories that lead there: few names make gigabytes of paths.
func TestPathsHaveABudget(t *testing.T) {
	f := diskimage.Spec{}.File(t)

	g, err := gpt.Read(f, diskimage.Size, 512)
	if err != nil {
		t.Fatal(err)
	}

	p := g.Partitions[2]
	read := func() *Boot { return readBoot(t.Context(), io.NewSectionReader(f, p.Offset, p.Size), p.Size) }

	said := func(problem string) bool { return strings.Contains(problem, "names of its files") }
	if b := read(); slices.ContainsFunc(b.Problems, said) || len(b.Files) == 0 {
		t.Errorf("a sound one: got %q, %d files", b.Problems, len(b.Files))
	}

	before := maxPaths
	defer func() { maxPaths = before }()

	maxPaths = 12

	if b := read(); !slices.ContainsFunc(b.Problems, said) {
		t.Errorf("more than 12 bytes: got %q", b.Problems)
	}
}
