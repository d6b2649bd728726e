// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"
)

const mit = `MIT License

Copyright (c) 2026 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
`

const hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// thisProgram describes the test's own executable: a Go program with modules, as the toolchain at hand writes them. Its
// modules' licences are files of this test's.
func thisProgram(t *testing.T) Program {
	t.Helper()

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}

	info, ok := debug.ReadBuildInfo()
	if !ok || len(info.Deps) == 0 {
		t.Fatalf("build information: got %v, want modules", info)
	}

	vendor := t.TempDir()

	for _, m := range info.Deps {
		if err := os.MkdirAll(filepath.Join(vendor, m.Path), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(filepath.Join(vendor, m.Path, "LICENSE.txt"), []byte(mit), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	return Program{
		Component: Component{Name: "test", Version: "1", License: "MPL-2.0"},
		Binaries:  []string{self},
		Vendor:    vendor,
		Sums:      "../go.sum",
	}
}

func description(t *testing.T) Description {
	t.Helper()

	copyright := filepath.Join(t.TempDir(), "copyright")
	if err := os.WriteFile(copyright, []byte("Format: …\nLicense: BSD-ish"), 0o644); err != nil {
		t.Fatal(err)
	}

	return Description{
		Name: "talos-nanopi-m6", Version: "v1.10.6", Purpose: "OPERATING-SYSTEM", Created: "1980-01-01T00:00:00Z",
		Components: []Component{
			{Name: "u-boot", Version: "2025.01", License: "GPL-2.0-or-later", URL: "https://example.org/u-boot.tar.bz2", Hash: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
			{Name: "linux", Version: "6.12~rc1+x", License: "GPL-2.0-only WITH Linux-syscall-note", URL: "git+https://example.org/linux@1", Hash: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", Tree: true},
			{Name: "libc6", Version: "2.41", Copyright: copyright, Hash: hash, PURL: "pkg:deb/debian/libc6@2.41?arch=arm64"},
			{Name: "blob", Version: "1", Comment: "closed source"},
		},
		Programs: []Program{thisProgram(t)},
	}
}

func document(t *testing.T, d Description) *spdx.Document {
	t.Helper()

	file := filepath.Join(t.TempDir(), "description.json")

	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}

	if err := run(file, file+".spdx"); err != nil {
		t.Fatal(err)
	}

	out, err := os.ReadFile(file + ".spdx")
	if err != nil {
		t.Fatal(err)
	}

	read, err := spdxjson.Read(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}

	if err := spdxlib.ValidateDocument(read); err != nil {
		t.Error(err)
	}

	return read
}

func find(t *testing.T, d *spdx.Document, name string) *spdx.Package {
	t.Helper()

	i := slices.IndexFunc(d.Packages, func(p *spdx.Package) bool { return p.PackageName == name })
	if i < 0 {
		t.Fatalf("got no package %s, want one", name)
	}

	return d.Packages[i]
}

func TestAComponentHasVersionSourceHashAndLicence(t *testing.T) {
	d := document(t, description(t))

	uboot := find(t, d, "u-boot")
	if uboot.PackageVersion != "2025.01" || uboot.PackageLicenseDeclared != "GPL-2.0-or-later" ||
		uboot.PackageDownloadLocation != "https://example.org/u-boot.tar.bz2" ||
		len(uboot.PackageChecksums) != 1 || uboot.PackageChecksums[0] != (common.Checksum{Algorithm: common.SHA256, Value: hash}) {
		t.Errorf("u-boot: got %+v, want its version, source and sha256 %s", uboot, hash)
	}

	if linux := find(t, d, "linux"); len(linux.PackageChecksums) != 0 || !strings.Contains(linux.PackageSourceInfo, "sha256-47DEQ") {
		t.Errorf("linux: got %+v, want no checksum, as a tree's hash is not a file's", linux)
	}

	if libc := find(t, d, "libc6"); libc.PackageLicenseDeclared != "LicenseRef-libc6" || len(d.OtherLicenses) != 1 || !strings.Contains(d.OtherLicenses[0].ExtractedText, "BSD-ish") {
		t.Errorf("libc6: got %+v with texts %+v, want its own licence text", libc, d.OtherLicenses)
	}

	if blob := find(t, d, "blob"); blob.PackageLicenseDeclared != noAssertion || blob.PackageDownloadLocation != noAssertion {
		t.Errorf("blob: got %+v, want nothing asserted", blob)
	}
}

func TestAProgramHasEveryModuleLinkedIntoIt(t *testing.T) {
	d := document(t, description(t))
	program := find(t, d, "test")
	info, _ := debug.ReadBuildInfo()

	for _, m := range info.Deps {
		p := find(t, d, m.Path)
		if p.PackageVersion != m.Version || p.PackageLicenseDeclared != "MIT" || !strings.HasPrefix(p.PackageComment, "go.sum: h1:") ||
			p.PackageExternalReferences[0].Locator != "pkg:golang/"+m.Path+"@"+m.Version {
			t.Errorf("%s: got %+v, want version and locator of %s", m.Path, p, m.Version)
		}

		if !slices.ContainsFunc(d.Relationships, func(r *spdx.Relationship) bool {
			return r.Relationship == common.TypeRelationshipStaticLink && r.RefA.ElementRefID == program.PackageSPDXIdentifier && r.RefB.ElementRefID == p.PackageSPDXIdentifier
		}) {
			t.Errorf("%s: got no link into the program, want one", m.Path)
		}
	}

	if find(t, d, "go standard library").PackageVersion == "" {
		t.Error("standard library: got no version, want one")
	}
}

func TestTheSameDescriptionGivesTheSameDocument(t *testing.T) {
	d := description(t)
	a, b := document(t, d), document(t, d)

	if a.DocumentNamespace != b.DocumentNamespace {
		t.Errorf("got namespaces %s and %s, want one", a.DocumentNamespace, b.DocumentNamespace)
	}

	d.Components[0].Version = "2025.04"

	if c := document(t, d); c.DocumentNamespace == a.DocumentNamespace {
		t.Errorf("another description: got the namespace %s again, want another", a.DocumentNamespace)
	}
}

func TestAModuleWithoutAHashIsRefused(t *testing.T) {
	if got, err := (&builder{}).module(&debug.Module{Path: "example.org/x", Version: "v1.0.0"}, t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "no hash in go.sum") {
		t.Errorf("got %+v, %v, want an error", got, err)
	}
}

func TestWhatIsNotWholeIsRefused(t *testing.T) {
	for want, change := range map[string]func(d *Description){
		"both needed":            func(d *Description) { d.Components[0].Version = "" },
		"not a SHA-256":          func(d *Description) { d.Components[0].Hash = "sha256-AAAA" },
		"not a SHA-256 ":         func(d *Description) { d.Components[2].Hash = "abc" },
		"named twice":            func(d *Description) { d.Components[1] = d.Components[0] },
		"licence \"Nonsense-9\"": func(d *Description) { d.Components[0].License = "Nonsense-9" },
		"no such file":           func(d *Description) { d.Programs[0].Vendor = "/nowhere" },
		"unrecognized":           func(d *Description) { d.Programs[0].Binaries = []string{d.Components[2].Copyright} },
	} {
		d := description(t)
		change(&d)

		if _, err := d.document(); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}

// checked writes a description's document, changes its text, and checks it.
func checked(t *testing.T, c checker, change func(string) string) []string {
	t.Helper()

	file := filepath.Join(t.TempDir(), "x.spdx.json")

	b, err := json.Marshal(description(t))
	if err != nil {
		t.Fatal(err)
	}

	if err := errors.Join(os.WriteFile(file+".in", b, 0o644), run(file+".in", file)); err != nil {
		t.Fatal(err)
	}

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(file, []byte(change(string(text))), 0o644); err != nil {
		t.Fatal(err)
	}

	findings, _, err := c.check(file)
	if err != nil {
		return []string{err.Error()}
	}

	return findings
}

func TestADocumentThatLacksSomethingIsFound(t *testing.T) {
	// "test" is built of this repository; "blob" has neither source nor licence.
	excuses := checker{own: []string{"test", "blob"}, unstated: []string{"blob"}}

	if got := checked(t, excuses, func(s string) string { return s }); len(got) != 0 {
		t.Errorf("got %q, want no finding", got)
	}

	for want, c := range map[string]struct {
		checker checker
		change  func(string) string
	}{
		"blob 1 has no licence":             {checker{own: excuses.own}, strings.Clone},
		"blob 1 has no hash":                {checker{own: []string{"test"}, unstated: excuses.unstated}, strings.Clone},
		"u-boot is excused and need not be": {checker{own: append([]string{"u-boot"}, excuses.own...), unstated: excuses.unstated}, strings.Clone},
		"has no version":                    {excuses, func(s string) string { return strings.Replace(s, `"versionInfo": "2025.01"`, `"versionInfo": ""`, 1) }},
		"the text of LicenseRef-libc6": {excuses, func(s string) string {
			return strings.Replace(s, `"licenseId": "LicenseRef-libc6"`, `"licenseId": "LicenseRef-other"`, 1)
		}},
		"licence \"GPL-9\"":      {excuses, func(s string) string { return strings.Replace(s, "GPL-2.0-or-later", "GPL-9", 1) }},
		"unexpected end of JSON": {excuses, func(s string) string { return s[:len(s)/2] }},
		"SPDXRef-part-u-boot-2025.01": {excuses, func(s string) string {
			return strings.Replace(s, `"SPDXID": "SPDXRef-part-u-boot-2025.01"`, `"SPDXID": "SPDXRef-x"`, 1)
		}},
	} {
		if got := checked(t, c.checker, c.change); !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, strings.TrimPrefix(want, "SPDXRef-")) }) {
			t.Errorf("got %q, want a finding with %q", got, want)
		}
	}
}

func TestASchemaThatIsGivenIsAsked(t *testing.T) {
	schema := filepath.Join(t.TempDir(), "schema.json")
	if err := os.WriteFile(schema, []byte(`{"required": ["spdxVersion", "packages"], "properties": {"packages": {"maxItems": 1}}}`), 0o644); err != nil {
		t.Fatal(err)
	}

	got := checked(t, checker{schema: schema, own: []string{"test", "blob"}, unstated: []string{"blob"}}, strings.Clone)
	if len(got) != 1 || !strings.Contains(got[0], "maxItems") {
		t.Errorf("got %q, want what the schema says", got)
	}
}
