// SPDX-License-Identifier: MPL-2.0

package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
)

// Description is what a build says (nix/talos/sbom.nix).
type Description struct {
	// Name and Version are those of what the document describes; Purpose is SPDX' word for its kind.
	Name, Version, Purpose string
	// Created is RFC 3339 in UTC; the same for the same inputs.
	Created    string
	Components []Component
	Programs   []Program
}

// Component is a part with a source of its own.
type Component struct {
	Name, Version string
	// License is an SPDX expression; "" is one that nobody stated.
	License string
	// Copyright is a file with the licence's text, for those without an expression.
	Copyright string
	URL       string
	// Hash is of the file at the URL: SHA-256 in hexadecimal, or as SRI.
	Hash string
	// Tree says that the hash is Nix' of an unpacked tree, which is not a file's.
	Tree    bool
	PURL    string
	Comment string
}

const noAssertion = "NOASSERTION"

var (
	notInIdentifier = regexp.MustCompile(`[^A-Za-z0-9.-]+`)
	errIncomplete   = errors.New("name and version are both needed")
)

// builder collects a document's parts.
type builder struct {
	document *spdx.Document
	texts    map[string]bool
	modules  map[string]common.ElementID
	licences *licences
}

func (d Description) document() (*spdx.Document, error) {
	canonical, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}

	whole := sha256.Sum256(canonical)

	b := &builder{
		document: &spdx.Document{
			SPDXVersion:       spdx.Version,
			DataLicense:       spdx.DataLicense,
			SPDXIdentifier:    "DOCUMENT",
			DocumentName:      d.Name,
			DocumentNamespace: "https://spdx.org/spdxdocs/" + d.Name + "-" + hex.EncodeToString(whole[:]),
			CreationInfo: &spdx.CreationInfo{
				Created:  d.Created,
				Creators: []common.Creator{{CreatorType: "Tool", Creator: "talos-nanopi-m6"}},
			},
		},
		texts:   map[string]bool{},
		modules: map[string]common.ElementID{},
	}

	subject, err := b.add("image", Component{Name: d.Name, Version: d.Version, License: noAssertion})
	if err != nil {
		return nil, err
	}

	b.document.Packages[0].PrimaryPackagePurpose = d.Purpose
	b.relate("DOCUMENT", common.TypeRelationshipDescribe, subject)

	for _, c := range d.Components {
		id, err := b.add("part", c)
		if err != nil {
			return nil, err
		}

		b.relate(subject, common.TypeRelationshipContains, id)
	}

	for _, p := range d.Programs {
		id, err := b.add("program", p.Component)
		if err != nil {
			return nil, err
		}

		b.relate(subject, common.TypeRelationshipContains, id)

		if err := b.addModules(id, p); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
	}

	return b.document, nil
}

func (b *builder) relate(from common.ElementID, kind string, to common.ElementID) {
	b.document.Relationships = append(b.document.Relationships, &spdx.Relationship{
		RefA:         common.MakeDocElementID("", string(from)),
		Relationship: kind,
		RefB:         common.MakeDocElementID("", string(to)),
	})
}

// add adds a package, of one kind among several that may have the same name.
func (b *builder) add(kind string, c Component) (common.ElementID, error) {
	if c.Name == "" || c.Version == "" {
		return "", fmt.Errorf("%q %q: %w", c.Name, c.Version, errIncomplete)
	}

	id := common.ElementID(notInIdentifier.ReplaceAllString(kind+"-"+c.Name+"-"+c.Version, "-"))

	for _, p := range b.document.Packages {
		if p.PackageSPDXIdentifier == id {
			return "", fmt.Errorf("%s %s is named twice", c.Name, c.Version)
		}
	}

	p := &spdx.Package{
		PackageName:             c.Name,
		PackageSPDXIdentifier:   id,
		PackageVersion:          c.Version,
		PackageDownloadLocation: orNoAssertion(c.URL),
		PackageLicenseConcluded: noAssertion,
		PackageLicenseDeclared:  orNoAssertion(c.License),
		PackageCopyrightText:    noAssertion,
		PackageComment:          c.Comment,
	}

	if err := b.license(p, c); err != nil {
		return "", fmt.Errorf("%s: %w", c.Name, err)
	}

	switch hash, err := sha256Of(c.Hash); {
	case err != nil:
		return "", fmt.Errorf("%s: %w", c.Name, err)
	case c.Hash == "":
	case c.Tree:
		p.PackageSourceInfo = "the source tree's hash as Nix makes it: " + c.Hash
	default:
		p.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: hash}}
	}

	if c.PURL != "" {
		p.PackageExternalReferences = []*spdx.PackageExternalReference{{
			Category: common.CategoryPackageManager,
			RefType:  common.TypePackageManagerPURL,
			Locator:  c.PURL,
		}}
	}

	b.document.Packages = append(b.document.Packages, p)

	return id, nil
}

// license checks a declared expression, or takes the component's own text of its licence into the document.
func (b *builder) license(p *spdx.Package, c Component) error {
	if c.License != "" && c.License != noAssertion {
		return checkExpression(c.License)
	}

	if c.Copyright == "" {
		return nil
	}

	text, err := os.ReadFile(c.Copyright)
	if err != nil {
		return err
	}

	ref := "LicenseRef-" + notInIdentifier.ReplaceAllString(c.Name, "-")
	p.PackageLicenseDeclared = ref

	if !b.texts[ref] {
		b.texts[ref] = true
		b.document.OtherLicenses = append(b.document.OtherLicenses, &spdx.OtherLicense{
			LicenseIdentifier: ref,
			LicenseName:       "copyright file of " + c.Name,
			ExtractedText:     strings.ToValidUTF8(string(text), "\uFFFD"),
		})
	}

	return nil
}

func orNoAssertion(s string) string {
	if s == "" {
		return noAssertion
	}

	return s
}

// sha256Of gives a hash in hexadecimal.
func sha256Of(hash string) (string, error) {
	raw, err := hex.DecodeString(hash)
	if sri, ok := strings.CutPrefix(hash, "sha256-"); ok {
		raw, err = base64.StdEncoding.DecodeString(sri)
	}

	if err != nil || (hash != "" && len(raw) != sha256.Size) {
		return "", fmt.Errorf("hash %q is not a SHA-256 in hexadecimal or SRI", hash)
	}

	return hex.EncodeToString(raw), nil
}
