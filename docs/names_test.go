// SPDX-License-Identifier: MPL-2.0

package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var named = regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]+)`")

func TestEveryTestThatAPageNamesIsThere(t *testing.T) {
	var code strings.Builder

	for _, dir := range []string{"../cmd", "../installer", "../internal", "../nix/tests/programs"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}

			b, err := os.ReadFile(path)
			code.Write(b)

			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}

	seen := 0

	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}

		for _, name := range named.FindAllStringSubmatch(string(text), -1) {
			seen++

			if !strings.Contains(code.String(), "\nfunc "+name[1]+"(t *testing.T) {") {
				t.Errorf("%s: got the name %s, want one of a test", page, name[1])
			}
		}
	}

	if seen == 0 {
		t.Error("got no names at all, want those of testing.md")
	}
}
