// SPDX-License-Identifier: MPL-2.0

//go:build lists

// The Nix files say which packages below internal/ each program is built from: one too few and it does not build, one too
// many and it is built again for nothing. (.ci/check; the build tag is there because it reads what no Nix check has.)
package lists_test

import (
	"fmt"
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

const programs = "nix/tests/programs/"

// form is one way in which a Nix file says what a program is built from.
type form struct {
	list *regexp.Regexp // the program and its list
	name *regexp.Regexp // of a package below internal/, in the list
	dir  string         // of the program
	test bool           // its tests are built as well
}

var (
	quoted = regexp.MustCompile(`"([^"]+)"`)
	forms  = []form{
		// default.nix: `program PACKAGES "cmd/x" [ … ]`.
		{list: regexp.MustCompile(`program\s+\w+\s+"([^"]+)"\s+\[([^\]]*)\]`), name: quoted},
		// nix/go.nix' own arguments.
		{list: regexp.MustCompile(`package = "([^"]+)";\s*internal = \[([^\]]*)\]`), name: quoted},
		// bootTest of nix/go-module.nix.
		{list: regexp.MustCompile(`program = "([^"]+)";\s*internal = \[([^\]]*)\]`), name: quoted, dir: programs, test: true},
		// A check that takes its source from nix/go-module.nix by itself.
		{
			list: regexp.MustCompile(`only \[\s*\./programs/([\w-]+)\s([^\]]*)\]`),
			name: regexp.MustCompile(`\.\./internal/(\S+)`), dir: programs, test: true,
		},
		// A program that uses nothing of internal/.
		{list: regexp.MustCompile(`go\.nix \{ package = "([^"]+)";()`), name: quoted},
	}
	// What go-module.nix has of the tests' programs.
	program = regexp.MustCompile(`\./tests/programs/([\w-]+)\n`)
	// A path of a Nix file that leads up.
	upwards = regexp.MustCompile(`(?:\.\./)+[\w.-]*\w`)
)

// list is what a Nix file says of one program.
type list struct {
	file, program string
	test          bool
	names         []string
}

// nixFiles gives the text of every Nix file by its path.
func nixFiles(t *testing.T) map[string]string {
	t.Helper()

	files := map[string]string{}

	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".nix" {
			return err
		}

		text, err := os.ReadFile(path)
		files[path] = string(text)

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	return files
}

// listed gives the lists of all Nix files.
func listed(t *testing.T) []list {
	t.Helper()

	var found []list

	for path, text := range nixFiles(t) {
		for _, form := range forms {
			for _, match := range form.list.FindAllStringSubmatch(text, -1) {
				one := list{file: path, program: form.dir + match[1], test: form.test}
				for _, name := range form.name.FindAllStringSubmatch(match[2], -1) {
					one.names = append(one.names, name[1])
				}

				found = append(found, one)
			}
		}
	}

	return found
}

// imported gives the packages below internal/ that a program is built from.
func imported(t *testing.T, program string, test bool) []string {
	t.Helper()

	command := exec.Command("go", "list", "-deps", fmt.Sprintf("-test=%t", test), "-tags", "dtb,qemu", "./"+program)
	command.Dir = root

	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list -deps ./%s: %v", program, err)
	}

	var names []string

	for line := range strings.Lines(string(out)) {
		// What is built once more for a test has the test behind its name.
		path, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if _, name, ok := strings.Cut(path, "talos-nanopi-m6/internal/"); ok {
			names = append(names, name)
		}
	}

	return names
}

func TestEachProgramListsWhatItIsBuiltFrom(t *testing.T) {
	for _, list := range listed(t) {
		needs := imported(t, list.program, list.test)

		// A name stands for what is below it as well.
		covers := func(name, need string) bool { return need == name || strings.HasPrefix(need, name+"/") }

		for _, need := range needs {
			if !slices.ContainsFunc(list.names, func(name string) bool { return covers(name, need) }) {
				t.Errorf("%s, %s: got %q, want %q among them: it is imported", list.file, list.program, list.names, need)
			}
		}

		for _, name := range list.names {
			if !slices.ContainsFunc(needs, func(need string) bool { return covers(name, need) }) {
				t.Errorf("%s, %s: got %q, want no %q: nothing imports it", list.file, list.program, list.names, name)
			}
		}
	}
}

// A form of list that this test does not read would let a program go unseen.
func TestEachProgramHasAList(t *testing.T) {
	lists := listed(t)

	text, err := os.ReadFile(filepath.Join(root, "nix/go-module.nix"))
	if err != nil {
		t.Fatal(err)
	}

	commands, err := os.ReadDir(filepath.Join(root, "cmd"))
	if err != nil {
		t.Fatal(err)
	}

	want := []string{"installer"}

	for _, command := range commands {
		want = append(want, "cmd/"+command.Name())
	}

	for _, match := range program.FindAllStringSubmatch(string(text), -1) {
		// These tests run from the tree itself.
		if match[1] != "lists" {
			want = append(want, programs+match[1])
		}
	}

	for _, program := range want {
		if !slices.ContainsFunc(lists, func(list list) bool { return list.program == program }) {
			t.Errorf("%s: got no list in any Nix file, want one (known forms: %d)", program, len(forms))
		}
	}
}

// The flake is evaluated from a copy of the tree that has only what evaluation reads, on a machine that builds for long
// before it gets there.
func TestTheFlakesCheckHasWhatNixFilesName(t *testing.T) {
	const files = "nix/tests/flake/files.nix"

	text, err := os.ReadFile(filepath.Join(root, files))
	if err != nil {
		t.Fatal(err)
	}

	has := upwards.FindAllString(string(text), -1)
	for i, path := range has {
		has[i] = filepath.Base(path)
	}

	for path, text := range nixFiles(t) {
		for _, named := range upwards.FindAllString(text, -1) {
			below, err := filepath.Rel(root, filepath.Join(filepath.Dir(path), named))
			if err != nil {
				t.Fatal(err)
			}

			if top, _, _ := strings.Cut(below, "/"); !slices.Contains(has, top) {
				t.Errorf("%s: got no %s among %q, want it: %s names it", files, top, has, path)
			}
		}
	}
}
