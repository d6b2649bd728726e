// SPDX-License-Identifier: MPL-2.0

package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var named = regexp.MustCompile("`(Test[A-Za-z][A-Za-z0-9]*)`")

func TestEveryTestThatAPageNamesIsThere(t *testing.T) {
	there := tests(t, "../cmd", "../installer", "../internal", "../nix/tests/programs")

	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}

	seen := map[string]map[string]bool{}

	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}

		seen[page] = map[string]bool{}

		for _, name := range named.FindAllStringSubmatch(string(text), -1) {
			seen[page][name[1]] = true

			if !there[name[1]] {
				t.Errorf("%s: got the name %s, want one of a test", page, name[1])
			}
		}
	}

	if len(seen["testing.md"]) == 0 {
		t.Error("testing.md: got no names at all, want some")
	}

	// Its table of faults has one in each row.
	if got := len(seen["m6.md"]); got < 20 {
		t.Errorf("m6.md: got the names of %d tests, want 20 and more", got)
	}
}
