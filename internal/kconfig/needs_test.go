// SPDX-License-Identifier: MPL-2.0

package kconfig

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// write puts files into a new directory and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()

	dir := t.TempDir()

	for name, text := range files {
		path := filepath.Join(dir, name)

		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	return dir
}

// finds fails unless there are as many findings as wanted, each with its words in it, in any order.
func finds(t *testing.T, got []string, want ...string) {
	t.Helper()

	if len(got) != len(want) {
		t.Fatalf("got %d findings, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}

	for _, words := range want {
		if !slices.ContainsFunc(got, func(finding string) bool { return strings.Contains(finding, words) }) {
			t.Errorf("got findings\n%s\nwant one that says %q", strings.Join(got, "\n"), words)
		}
	}
}

// names fails unless there is an error and it names the file.
func names(t *testing.T, what string, err error, file string) {
	t.Helper()

	if err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("%s: got %v, want an error that names %s", what, err, file)
	}
}

func TestConfigKnowsWhatIsBuiltInAndWhatIsOff(t *testing.T) {
	dir := write(t, map[string]string{".config": "#\n# Automatically generated\n#\nCONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=n\nCONFIG_NAME=\"-talos\"\n\n"})

	config, err := ReadConfig(filepath.Join(dir, ".config"))
	if err != nil {
		t.Fatal(err)
	}

	if !config.BuiltIn("A") || config.BuiltIn("B") || !config.Present("B") || config.Present("C") || config.Present("D") {
		t.Errorf("got %v, want A built in, B a module, C and D off", config)
	}

	if config["NAME"] != `"-talos"` {
		t.Errorf("NAME: got %s, want \"-talos\"", config["NAME"])
	}
}

func TestConfigRefusesOtherFiles(t *testing.T) {
	for name, text := range map[string]string{
		"a program":                  "\x7fELF\x02\x01\x01",
		"a file with nothing set":    "# CONFIG_A is not set\n",
		"a shell script":             "CONFIG_A=y\nexit 0\n",
		"a setting without a prefix": "A=y\n",
	} {
		path := filepath.Join(write(t, map[string]string{"config": text}), "config")

		if _, err := ReadConfig(path); !errors.Is(err, ErrNoConfig) {
			t.Errorf("%s: got %v, want %v", name, err, ErrNoConfig)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("%s: the error does not name the file: got %v, want %q", name, err, path)
		}
	}

	if _, err := ReadConfig(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: got %v, want %v", err, os.ErrNotExist)
	}
}

const consumer = `
consumer: Someone 1.0
needs:
  - why: early
    source: its init
    built-in: [EARLY]
  - why: later
    source: its manual
    present: [LATER]
    off: [NEVER]
    value: {COUNT: "8"}
without:
  - symbols: [ELSE]
    why: it goes without
`

func readNeeds(t *testing.T, text string) []Needs {
	t.Helper()

	needs, err := ReadNeeds(write(t, map[string]string{"someone.yaml": text}))
	if err != nil {
		t.Fatal(err)
	}

	return needs
}

func TestNeedsThatAreMetSayNothing(t *testing.T) {
	finds(t, CheckNeeds(Config{"EARLY": "y", "LATER": "m", "COUNT": "8"}, readNeeds(t, consumer)))
}

func TestNeedsSayWhatIsMissingWhyAndWhereThatStands(t *testing.T) {
	finds(t, CheckNeeds(Config{"NEVER": "m", "COUNT": "4", "ELSE": "y"}, readNeeds(t, consumer)),
		"Someone 1.0: early: wants CONFIG_EARLY built in, has CONFIG_EARLY is not set (its init)",
		"Someone 1.0: later: wants CONFIG_LATER built in or as a module, has CONFIG_LATER is not set (its manual)",
		"Someone 1.0: later: wants CONFIG_NEVER off, has CONFIG_NEVER=m (its manual)",
		"Someone 1.0: later: wants CONFIG_COUNT to be 8, has CONFIG_COUNT=4 (its manual)",
		"CONFIG_ELSE is said to be left out (it goes without), but is set",
	)
}

func TestAModuleIsNotEnoughForWhatMustBeBuiltIn(t *testing.T) {
	finds(t, CheckNeeds(Config{"EARLY": "m", "LATER": "y", "COUNT": "8"}, readNeeds(t, consumer)),
		"wants CONFIG_EARLY built in, has CONFIG_EARLY=m")
}

func TestNeedsThatCouldPassUnreadAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"a misspelt key":            "consumer: A\nneeds: [{why: w, source: s, builtin: [X]}]\n",
		"no source":                 "consumer: A\nneeds: [{why: w, built-in: [X]}]\n",
		"no reason":                 "consumer: A\nneeds: [{source: s, built-in: [X]}]\n",
		"no symbol":                 "consumer: A\nneeds: [{why: w, source: s}]\n",
		"no need":                   "consumer: A\nneeds: []\n",
		"no consumer":               "needs: [{why: w, source: s, built-in: [X]}]\n",
		"an exception without why":  "consumer: A\nneeds: [{why: w, source: s, built-in: [X]}]\nwithout: [{symbols: [Y]}]\n",
		"an exception from nothing": "consumer: A\nneeds: [{why: w, source: s, built-in: [X]}]\nwithout: [{why: w}]\n",
		"an empty file":             "",
	} {
		_, err := ReadNeeds(write(t, map[string]string{"a.yaml": text}))
		names(t, name, err, "a.yaml")
	}

	if _, err := ReadNeeds(t.TempDir()); err == nil {
		t.Errorf("a directory without needs: got no error, want one")
	}
}

// The repository's own data: it reads, and the fragments do not say the opposite of it. That the merged configuration
// meets it is checked where there is a kernel source (kernel-check needs).
func TestFragmentsDoNotContradictNeeds(t *testing.T) {
	needs, err := ReadNeeds("../../nix/kernel/needs/software")
	if err != nil {
		t.Fatal(err)
	}

	fragments, err := filepath.Glob("../../nix/kernel/config/*.config")
	if err != nil || len(fragments) == 0 {
		t.Fatalf("got no fragment (%v), want those of the kernel", err)
	}

	asked := Config{}
	off := map[string]bool{}

	for _, fragment := range fragments {
		config, err := ReadConfig(fragment)
		if err != nil {
			t.Fatal(err)
		}

		for symbol, value := range config {
			asked[symbol] = value
		}

		text, err := os.ReadFile(fragment)
		if err != nil {
			t.Fatal(err)
		}

		for line := range strings.Lines(string(text)) {
			if symbol, ok := strings.CutSuffix(strings.TrimPrefix(strings.TrimSpace(line), "# CONFIG_"), " is not set"); ok {
				off[symbol] = true
			}
		}
	}

	for _, n := range needs {
		for _, need := range n.Needs {
			for _, symbol := range slices.Concat(need.BuiltIn, need.Present) {
				if off[symbol] {
					t.Errorf("CONFIG_%s: got it off in a fragment, want it for %s: %s", symbol, n.Consumer, need.Why)
				}
			}

			for _, symbol := range need.BuiltIn {
				if asked[symbol] == "m" {
					t.Errorf("CONFIG_%s: got a module in a fragment, want it built in for %s: %s", symbol, n.Consumer, need.Why)
				}
			}
		}

		for _, e := range n.Without {
			for _, symbol := range e.Symbols {
				if asked.Present(symbol) {
					t.Errorf("CONFIG_%s: got it in a fragment, want none, as %s goes without: %s", symbol, n.Consumer, e.Why)
				}
			}
		}
	}
}
