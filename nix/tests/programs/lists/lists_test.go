// SPDX-License-Identifier: MPL-2.0

//go:build lists

// The Nix files say which packages below internal/ each program is built from: one too few and it does not build, one too
// many and it is built again for nothing. (.ci/check; the build tag is there because it reads what no Nix check has.)
package lists_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../../../.."

var (
	// The two forms of a list: `program PACKAGES "cmd/x" [ … ]` (default.nix) and nix/go.nix' own arguments.
	lists = []*regexp.Regexp{
		regexp.MustCompile(`program\s+\w+\s+"([^"]+)"\s+\[([^\]]*)\]`),
		regexp.MustCompile(`package = "([^"]+)";\s*internal = \[([^\]]*)\]`),
	}
	quoted = regexp.MustCompile(`"([^"]+)"`)
)

// listed gives the lists of all Nix files by program.
func listed(t *testing.T) map[string][]string {
	t.Helper()

	found := map[string][]string{}

	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".nix" {
			return err
		}

		text, err := os.ReadFile(path)
		for _, list := range lists {
			for _, match := range list.FindAllStringSubmatch(string(text), -1) {
				found[match[1]] = []string{}
				for _, name := range quoted.FindAllStringSubmatch(match[2], -1) {
					found[match[1]] = append(found[match[1]], name[1])
				}
			}
		}

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	return found
}

// imported gives the packages below internal/ that a program is built from.
func imported(t *testing.T, program string) []string {
	t.Helper()

	command := exec.Command("go", "list", "-deps", "./"+program)
	command.Dir = root

	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list -deps ./%s: %v", program, err)
	}

	var names []string

	for line := range strings.Lines(string(out)) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), "talos-nanopi-m6/internal/"); ok {
			names = append(names, name)
		}
	}

	return names
}

func TestEachProgramListsWhatItIsBuiltFrom(t *testing.T) {
	programs := listed(t)
	if len(programs) < 8 {
		t.Fatalf("got %d lists, want those of default.nix at least", len(programs))
	}

	for program, names := range programs {
		needs := imported(t, program)

		// A name stands for what is below it as well.
		covers := func(name, need string) bool { return need == name || strings.HasPrefix(need, name+"/") }

		for _, need := range needs {
			if !slices.ContainsFunc(names, func(name string) bool { return covers(name, need) }) {
				t.Errorf("%s: got %q, want %q among them: it is imported", program, names, need)
			}
		}

		for _, name := range names {
			if !slices.ContainsFunc(needs, func(need string) bool { return covers(name, need) }) {
				t.Errorf("%s: got %q, want no %q: nothing imports it", program, names, name)
			}
		}
	}
}
