// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/github/go-spdx/v2/spdxexp"
	classifier "github.com/google/licenseclassifier/v2"
	"github.com/google/licenseclassifier/v2/assets"
)

// licences reads which licence a directory's licence files are.
type licences struct {
	classifier *classifier.Classifier
	read       map[string]string // by directory
}

// known is the classifier with SPDX' texts, which takes seconds to make.
var known = sync.OnceValues(assets.DefaultClassifier)

func newLicences() (*licences, error) {
	c, err := known()
	if err != nil {
		return nil, err
	}

	return &licences{c, map[string]string{}}, nil
}

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying)`)

// of gives an SPDX expression, or NOASSERTION for files that are not a licence known to SPDX.
func (l *licences) of(dir string) (string, error) {
	if expression, ok := l.read[dir]; ok {
		return expression, nil
	}

	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}

	var names []string

	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) {
			continue
		}

		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}

		for _, m := range l.classifier.Match(text).Matches {
			if valid, _ := spdxexp.ValidateLicenses([]string{m.Name}); valid && m.MatchType == "License" && !slices.Contains(names, m.Name) {
				names = append(names, m.Name)
			}
		}
	}

	slices.Sort(names)

	l.read[dir] = orNoAssertion(strings.Join(names, " AND "))

	return l.read[dir], nil
}

// licenseRef is what the document itself has the text of.
var licenseRef = regexp.MustCompile(`^LicenseRef-[A-Za-z0-9.-]+$`)

func checkExpression(expression string) error {
	names, err := spdxexp.ExtractLicenses(expression)
	if err != nil {
		return fmt.Errorf("licence %q: %w", expression, err)
	}

	for _, name := range names {
		if valid, _ := spdxexp.ValidateLicenses([]string{name}); !valid && !licenseRef.MatchString(name) {
			return fmt.Errorf("licence %q: %s is not on SPDX' list", expression, name)
		}
	}

	return nil
}
