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

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\) \{$`)

// tests are the names of the test functions below the directories.
func tests(t *testing.T, directories ...string) map[string]bool {
	t.Helper()

	names := map[string]bool{}

	for _, directory := range directories {
		err := filepath.WalkDir(directory, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}

			text, err := os.ReadFile(path)
			for _, function := range testFunction.FindAllSubmatch(text, -1) {
				names[string(function[1])] = true
			}

			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	return names
}
