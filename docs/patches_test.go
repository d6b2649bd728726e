// SPDX-License-Identifier: MPL-2.0

package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// What git format-patch writes first, and the words of Yocto's recipe style for what became of a patch.
	patchHead   = regexp.MustCompile(`\AFrom 0{40} Mon Sep 17 00:00:00 2001\nFrom: .+\n( .+\n)?Date: .+\nSubject: \[PATCH\] \S`)
	patchStatus = regexp.MustCompile(`(?m)^Upstream-Status: (Backport|Pending|Inappropriate) \[([^\]]+)\]$`)
	// A release of U-Boot's, and the commit that it has.
	backport = regexp.MustCompile(`^(v20\d\d\.\d\d)(?:, [0-9a-f]{12,40} .*)?$`)
	picked   = regexp.MustCompile(`(?m)^\(cherry picked from commit [0-9a-f]{40}\)$`)
)

func TestEveryPatchOfUBootNamesItsUpstreamStatus(t *testing.T) {
	page, err := os.ReadFile("board.md")
	if err != nil {
		t.Fatal(err)
	}

	const series = "../patches/u-boot"

	patches, err := filepath.Glob(series + "/*.patch")
	if err != nil || len(patches) == 0 {
		t.Fatalf("%s: got no patches (%v)", series, err)
	}

	forms, err := filepath.Glob(series + "/*/*.patch")
	if err != nil {
		t.Fatal(err)
	}

	pins, err := os.ReadFile("../nix/pins.nix")
	if err != nil {
		t.Fatal(err)
	}

	for _, patch := range append(patches, forms...) {
		text, err := os.ReadFile(patch)
		if err != nil {
			t.Fatal(err)
		}

		if !patchHead.Match(text) {
			t.Errorf("%s: got another head, want git format-patch's", patch)
		}

		status := patchStatus.FindSubmatch(text)
		if status == nil {
			t.Errorf("%s: got no Upstream-Status, want Backport, Pending or Inappropriate, each with [why]", patch)

			continue
		}

		release := ""

		if string(status[1]) == "Backport" {
			found := backport.FindSubmatch(status[2])
			if found == nil || !picked.Match(text) && !strings.Contains(string(status[2]), ", ") {
				t.Errorf("%s: got %q, want the release that has it, and the commit", patch, status[0])

				continue
			}

			release = " (upstream, " + string(found[1]) + ")"
		}

		number, _, _ := strings.Cut(filepath.Base(patch), "-")
		row := regexp.MustCompile(`(?m)^\| ` + number + ` \| .*` + regexp.QuoteMeta(release) + ` \|$`).Find(page)

		if row == nil || release == "" && strings.Contains(string(row), "(upstream, ") {
			t.Errorf("%s: got %q in board.md, want a row that ends with %q", patch, row, release)
		}
	}

	// A patch's second form takes the place of one, in a release that is pinned.
	for _, form := range forms {
		if _, err := os.Stat(filepath.Join(series, filepath.Base(form))); err != nil {
			t.Errorf("%s: got no patch of that name beside the directory (%v)", form, err)
		}

		if tag := "v" + filepath.Base(filepath.Dir(form)); !strings.Contains(string(pins), `"`+tag+`" = {`) {
			t.Errorf("%s: got no %s in nix/pins.nix, want the release it is for", form, tag)
		}
	}
}
