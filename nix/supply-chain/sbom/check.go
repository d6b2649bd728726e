// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"
)

// checker checks documents. own and unstated name packages that need not have everything.
type checker struct {
	schema        string
	own, unstated []string
}

// check gives a line for everything that is wrong, and a summary. An error means that the document could not be read.
func (c checker) check(path string) ([]string, string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, "", err
	}

	var findings []string

	if c.schema != "" {
		if err := c.validate(b); err != nil {
			findings = append(findings, err.Error())
		}
	}

	document, err := spdxjson.Read(bytes.NewReader(b))
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}

	if err := spdxlib.ValidateDocument(document); err != nil {
		findings = append(findings, err.Error())
	}

	described, err := spdxlib.GetDescribedPackageIDs(document)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}

	used := map[string]bool{}

	for _, p := range document.Packages {
		if !slices.Contains(described, p.PackageSPDXIdentifier) {
			findings = append(findings, c.whole(document, p, used)...)
		}
	}

	for _, name := range slices.Concat(c.own, c.unstated) {
		if !used[name] {
			findings = append(findings, name+" is excused and need not be, or is not there")
		}
	}

	return findings, fmt.Sprintf("%s: %d packages, each with version, source, hash and licence", path, len(document.Packages)), nil
}

// whole gives what a package lacks.
func (c checker) whole(document *spdx.Document, p *spdx.Package, used map[string]bool) []string {
	var findings []string

	excused := func(list []string, lacks string) {
		if slices.Contains(list, p.PackageName) {
			used[p.PackageName] = true
		} else {
			findings = append(findings, fmt.Sprintf("%s %s has no %s", p.PackageName, p.PackageVersion, lacks))
		}
	}

	if p.PackageVersion == "" {
		findings = append(findings, p.PackageName+" has no version")
	}

	sourced := p.PackageDownloadLocation != noAssertion || slices.ContainsFunc(p.PackageExternalReferences, func(r *spdx.PackageExternalReference) bool {
		return r.RefType == common.TypePackageManagerPURL
	})
	if !sourced {
		excused(c.own, "source")
	}

	hashed := len(p.PackageChecksums) > 0 || strings.Contains(p.PackageSourceInfo, "sha256-") || strings.HasPrefix(p.PackageComment, sumPrefix) ||
		p.PackageName == standardLibrary
	if !hashed {
		excused(c.own, "hash")
	}

	switch license := p.PackageLicenseDeclared; {
	case license == noAssertion || license == "":
		excused(c.unstated, "licence")
	case strings.HasPrefix(license, "LicenseRef-"):
		if !slices.ContainsFunc(document.OtherLicenses, func(l *spdx.OtherLicense) bool { return l.LicenseIdentifier == license && l.ExtractedText != "" }) {
			findings = append(findings, fmt.Sprintf("%s: the text of %s is not in the document", p.PackageName, license))
		}
	default:
		if err := checkExpression(license); err != nil {
			findings = append(findings, fmt.Sprintf("%s: %v", p.PackageName, err))
		}
	}

	return findings
}

// validate checks the document against SPDX' own schema.
func (c checker) validate(document []byte) error {
	schema, err := jsonschema.NewCompiler().Compile(c.schema)
	if err != nil {
		return err
	}

	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return err
	}

	return schema.Validate(value)
}
