// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const good = `{
  "_type": "https://in-toto.io/Statement/v1",
  "subject": [{"name": "image", "digest": {"sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}}],
  "predicateType": "https://slsa.dev/provenance/v1",
  "predicate": {
    "buildDefinition": {
      "buildType": "urn:x#nix-build-v1",
      "externalParameters": {"kernel": "lts"},
      "internalParameters": {"derivation": "/nix/store/x.drv", "reproducible": true},
      "resolvedDependencies": [{"name": "u-boot", "uri": "https://example.org/u-boot", "digest": {"nixNarSha256": "sha256-x"}}]
    },
    "runDetails": {"builder": {"id": "urn:x#unpublished"}}
  }
}`

// checkText checks a statement beside an image of one byte, x.
func checkText(t *testing.T, statement string) error {
	t.Helper()

	dir := t.TempDir()
	path := filepath.Join(dir, "statement.json")

	for name, text := range map[string]string{path: statement, filepath.Join(dir, "image"): "x"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	_, err := check(path, []string{dir})

	return err
}

func TestAWholeStatementPasses(t *testing.T) {
	if err := checkText(t, good); err != nil {
		t.Error(err)
	}
}

func TestAnImageBuiltOnceSaysThatItWasNotCompared(t *testing.T) {
	for text, want := range map[string]bool{`false`: true, `"not compared"`: true, `"yes"`: false, `null`: false} {
		err := checkText(t, strings.Replace(good, `"reproducible": true`, `"reproducible": `+text, 1))
		if (err == nil) != want {
			t.Errorf("reproducible %s: got error %v, want it taken: %v", text, err, want)
		}
	}
}

func TestAStatementThatLacksSomethingIsRefused(t *testing.T) {
	for want, change := range map[string][2]string{
		"wrong statement type":       {"Statement/v1", "Statement/v2"},
		"the statement says":         {"2d71", "2d72"},
		"no subject is in":           {`"name": "image"`, `"name": "other"`},
		"predicate https":            {"provenance/v1", "provenance/v0.2"},
		"all needed":                 {`"name": "u-boot", `, ""},
		"no nixNarSha256":            {"sha256-x", ""},
		"derivation: got":            {"x.drv", "x"},
		"reproducible: got":          {`, "reproducible": true`, ""},
		"builder required":           {`"id": "urn:x#unpublished"`, ""},
		"buildType required":         {"urn:x#nix-build-v1", ""},
		"unknown field \"subjects\"": {`"subject"`, `"subjects"`},
	} {
		if err := checkText(t, strings.Replace(good, change[0], change[1], 1)); err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "\u00a0", " "), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}
