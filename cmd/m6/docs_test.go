// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestTheDocumentationNamesTestsThatThereAre(t *testing.T) {
	text, err := os.ReadFile("../../docs/m6.md")
	if err != nil {
		t.Fatal(err)
	}

	missing := map[string]bool{}
	for _, name := range regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllSubmatch(text, -1) {
		missing[string(name[1])] = true
	}

	if len(missing) < 20 {
		t.Errorf("got %d tests in docs/m6.md, want the table of them", len(missing))
	}

	var errs []error

	for _, dir := range []string{"../../cmd", "../../internal", "../../installer"} {
		errs = append(errs, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}

			b, err := os.ReadFile(path)

			for name := range missing {
				if bytes.Contains(b, []byte("\nfunc "+name+"(t *testing.T) {")) {
					delete(missing, name)
				}
			}

			return err
		}))
	}

	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}

	for name := range missing {
		t.Errorf("docs/m6.md: %s: got no test of that name, want one", name)
	}
}
