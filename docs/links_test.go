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
	link    = regexp.MustCompile(`\]\(([^)#\s:]*)(?:#([^)\s]*))?\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	dropped = regexp.MustCompile("[^a-z0-9 _-]")
)

// anchors are the places of a page that a link may name, as GitHub makes them of its headings.
func anchors(page string) map[string]bool {
	list := map[string]bool{"": true}

	for _, h := range heading.FindAllStringSubmatch(page, -1) {
		list[strings.ReplaceAll(strings.TrimSpace(dropped.ReplaceAllString(strings.ToLower(h[1]), "")), " ", "-")] = true
	}

	return list
}

func TestEveryLinkLeadsToAPageAndAHeading(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}

	for _, page := range append(pages, "../README.md", "../CONTRIBUTING.md", "../CHANGELOG.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}

		for _, l := range link.FindAllStringSubmatch(string(text), -1) {
			target := page
			if l[1] != "" {
				target = filepath.Join(filepath.Dir(page), l[1])
			}

			content, err := os.ReadFile(target)
			if err != nil {
				t.Errorf("%s: got a link to %s, want one to a file that is there", page, l[1])

				continue
			}

			if strings.HasSuffix(target, ".md") && !anchors(string(content))[l[2]] {
				t.Errorf("%s: got a link to %s#%s, want one of its headings", page, l[1], l[2])
			}
		}
	}
}
