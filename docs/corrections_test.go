// SPDX-License-Identifier: MPL-2.0

package docs_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// correction is an entry of dts/corrections.yaml, which says what its fields mean.
type correction struct {
	Fact   string
	Parts  []string
	Kernel map[string][]string
	UBoot  []string `yaml:"u-boot"`
	Tests  []string
	Says   map[string][]string
}

// decode reads a YAML file, strictly where that is what it is for.
func decode(t *testing.T, file string, strict bool, into any) {
	t.Helper()

	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(strict)

	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func readCorrections(t *testing.T) []correction {
	t.Helper()

	var file struct{ Corrections []correction }

	decode(t, "../dts/corrections.yaml", true, &file)

	if len(file.Corrections) < 20 {
		t.Fatalf("dts/corrections.yaml: got %d corrections, want the 20 and more that were made", len(file.Corrections))
	}

	return file.Corrections
}

// programs are the directory in which a check's test functions are.
var programs = map[string]string{
	"board-linux":  "../nix/tests/programs/board",
	"board-loader": "../nix/tests/programs/board",
	"boot-flow":    "../nix/tests/programs/boot-flow",
	"device-tree":  "../nix/tests/programs/device-tree",
	"go":           "../internal/board",
}

// heldBy is the second cell of a correction's row.
func (c correction) heldBy() string {
	byCheck := map[string][]string{}

	for _, name := range c.Parts {
		byCheck["device-tree"] = append(byCheck["device-tree"], "“"+name+"”")
	}

	for _, kind := range slices.Sorted(maps.Keys(c.Kernel)) {
		for _, option := range c.Kernel[kind] {
			byCheck["kernel-config"] = append(byCheck["kernel-config"], "`"+option+"`")
		}
	}

	for _, line := range c.UBoot {
		option, _, _ := strings.Cut(strings.TrimPrefix(line, "CONFIG_"), "=")
		byCheck["go"] = append(byCheck["go"], "`"+option+"`")
	}

	for _, test := range c.Tests {
		check, name, _ := strings.Cut(test, " ")
		byCheck[check] = append(byCheck[check], "`"+name+"`")
	}

	for _, page := range slices.Sorted(maps.Keys(c.Says)) {
		byCheck["go"] = append(byCheck["go"], "["+page+"]("+page+")")
	}

	cells := []string{}
	for _, check := range slices.Sorted(maps.Keys(byCheck)) {
		cells = append(cells, check+": "+strings.Join(byCheck[check], ", "))
	}

	return strings.Join(cells, "; ")
}

func TestTheTableOfCorrectionsIsTheirFile(t *testing.T) {
	want := "| fact | what fails when it is undone, by check |\n|---|---|\n"
	for _, c := range readCorrections(t) {
		want += fmt.Sprintf("| %s | %s |\n", c.Fact, c.heldBy())
	}

	page, err := os.ReadFile("board.md")
	if err != nil {
		t.Fatal(err)
	}

	if !strings.Contains(string(page), "\n"+want+"\n") {
		t.Errorf("board.md: got another table than dts/corrections.yaml makes, want\n%s", want)
	}
}

// Each thing that is said to hold a correction is there: without it, the correction could be undone and nothing would fail.
func TestEveryCorrectionIsHeld(t *testing.T) {
	var facts struct{ Parts []struct{ Part string } }

	decode(t, "../dts/nanopi-m6.facts.yaml", false, &facts)

	parts := map[string]bool{}
	for _, p := range facts.Parts {
		parts[p.Part] = true
	}

	var needs struct{ Needs []map[string]any }

	decode(t, "../nix/kernel/needs/software/board.yaml", false, &needs)

	needed := map[string]bool{}

	for _, need := range needs.Needs {
		for _, kind := range []string{"built-in", "present"} {
			options, _ := need[kind].([]any)
			for _, option := range options {
				needed[kind+" "+option.(string)] = true
			}
		}
	}

	config, err := os.ReadFile("../nix/boot/u-boot/nanopi-m6-rk3588s_defconfig")
	if err != nil {
		t.Fatal(err)
	}

	for _, c := range readCorrections(t) {
		if c.heldBy() == "" {
			t.Errorf("%s: got nothing that holds it", c.Fact)
		}

		for _, name := range c.Parts {
			if !parts[name] {
				t.Errorf("%s: got no part %q in dts/nanopi-m6.facts.yaml", c.Fact, name)
			}
		}

		for kind, options := range c.Kernel {
			for _, option := range options {
				if !needed[kind+" "+option] {
					t.Errorf("%s: got no need of %s %s in nix/kernel/needs/software/board.yaml", c.Fact, option, kind)
				}
			}
		}

		for _, line := range c.UBoot {
			if !strings.Contains(string(config), "\n"+line+"\n") {
				t.Errorf("%s: got no %s in the board's configuration of U-Boot", c.Fact, line)
			}
		}

		for _, test := range c.Tests {
			check, name, _ := strings.Cut(test, " ")
			if !tests(t, programs[check])[name] {
				t.Errorf("%s: got no function %s of check %q", c.Fact, name, check)
			}
		}

		for page, sentences := range c.Says {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}

			for _, sentence := range sentences {
				if !strings.Contains(string(text), sentence) {
					t.Errorf("%s: got no %q in %s", c.Fact, sentence, page)
				}
			}
		}
	}
}
