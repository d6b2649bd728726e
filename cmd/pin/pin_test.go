// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cavaliergopher/cpio"
	diskfile "github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/squashfs"
)

// github stands in for the releases: what it answers, by path, and which paths were asked for.
type github struct {
	files   map[string][]byte
	answers map[string]int // other than 200 and 404
	asked   []string
}

func (g *github) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.asked = append(g.asked, r.URL.Path)

	if code := g.answers[r.URL.Path]; code != 0 {
		w.WriteHeader(code)

		return
	}

	b, ok := g.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)

		return
	}

	_, _ = w.Write(b) // a test's answer
}

// publish puts a release there whose initramfs says that it is of a version.
func (g *github) publish(t *testing.T, version, says string, signed bool) {
	t.Helper()

	content := map[string][]byte{initramfsAsset: initramfsOf(t, says), "other": []byte("not asked for")}
	for _, asset := range assets[1:] {
		content[asset] = []byte(asset + " of " + says)
	}

	var list strings.Builder

	for _, name := range slices.Sorted(maps.Keys(content)) {
		g.files["/"+version+"/"+name] = content[name]
		fmt.Fprintf(&list, "%s  _out/%s\n", digest(content[name]), name)
	}

	g.files["/"+version+"/"+sums] = []byte(list.String())

	if signed {
		g.files["/"+version+"/"+bundle] = []byte("{}")
	}
}

func digest(b []byte) string {
	h := sha256.Sum256(b)

	return hex.EncodeToString(h[:])
}

// initramfsOf is an initramfs as Talos has it, of nothing but os-release and a kernel's empty directory of modules.
func initramfsOf(t *testing.T, version string) []byte {
	t.Helper()

	f, err := os.Create(filepath.Join(t.TempDir(), "rootfs.sqsh"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // a test's

	s, err := squashfs.Create(diskfile.New(f, false), 1<<20, 0, 0)
	if err != nil {
		t.Fatal(err)
	}

	for _, dir := range []string{"etc", "usr/lib/modules/6.12.1-talos"} {
		if err := os.MkdirAll(filepath.Join(s.Workspace(), dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}

	text := "NAME=\"Talos\"\nID=talos\nVERSION_ID=" + version + "\n"
	if err := os.WriteFile(filepath.Join(s.Workspace(), "etc/os-release"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}

	if err := s.Finalize(squashfs.FinalizeOptions{}); err != nil {
		t.Fatal(err)
	}

	root, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}

	var b bytes.Buffer

	w := cpio.NewWriter(&b)
	_, err = io.Copy(entryOf(t, w, "rootfs.sqsh", len(root)), bytes.NewReader(root))

	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}

	return b.Bytes()
}

func entryOf(t *testing.T, w *cpio.Writer, name string, size int) io.Writer {
	t.Helper()

	if err := w.WriteHeader(&cpio.Header{Name: name, Mode: cpio.TypeReg | 0o644, Size: int64(size)}); err != nil {
		t.Fatal(err)
	}

	return w
}

const before = `{
  "v1.14.0": {
    "initramfs-arm64.xz": "e47bc13e2dda3af341019ae2bdb75f13f6812b07d1fa91ac94c4d7d4ef8060b7",
    "provenance": "by hand"
  }
}
`

// bench is a pinner whose GitHub, cosign and nix-prefetch-docker are the test's.
type bench struct {
	*pinner
	github  *github
	calls   []string
	cosign  error
	docker  string
	is      string // the version that the installer base says it is of
	printed bytes.Buffer
}

func newBench(t *testing.T) *bench {
	t.Helper()

	b := &bench{github: &github{files: map[string][]byte{}, answers: map[string]int{}}}
	server := httptest.NewTLSServer(b.github)
	t.Cleanup(server.Close)

	client := server.Client()
	client.CheckRedirect = secureClient().CheckRedirect

	b.pinner = &pinner{
		table:    filepath.Join(t.TempDir(), "releases.json"),
		releases: server.URL,
		client:   client,
		now:      func() time.Time { return time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC) },
		wait:     time.Microsecond,
		out:      &b.printed,
		run: func(_ context.Context, name string, args ...string) ([]byte, error) {
			b.calls = append(b.calls, name+" "+strings.Join(args, " "))
			if name == "cosign" {
				return nil, b.cosign
			}

			return []byte(b.docker), nil
		},
		labels: func(_ context.Context, reference string) (map[string]string, error) {
			b.calls = append(b.calls, "labels "+reference)

			return map[string]string{versionLabel: b.is}, nil
		},
	}

	if err := os.WriteFile(b.table, []byte(before), 0o644); err != nil {
		t.Fatal(err)
	}

	return b
}

// refused checks that a release is refused with a text, and that the table is the very file it was.
func (b *bench) refused(t *testing.T, version, text string) {
	t.Helper()

	err := b.pin(t.Context(), version)
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("pin %s: got error %v, want one with %q", version, err, text)
	}

	b.untouched(t)
}

func (b *bench) untouched(t *testing.T) {
	t.Helper()

	got, err := os.ReadFile(b.table)
	if err != nil || string(got) != before {
		t.Errorf("the table is %q (%v), want it as it was", got, err)
	}

	files, err := os.ReadDir(filepath.Dir(b.table))
	if err != nil || len(files) != 1 {
		t.Errorf("beside the table: got %v (%v), want nothing", files, err)
	}
}

func (b *bench) read(t *testing.T) table {
	t.Helper()

	got, err := readTable(b.table)
	if err != nil {
		t.Fatal(err)
	}

	return got
}

func TestOneCallPinsAllAReleaseNeeds(t *testing.T) {
	b := newBench(t)
	b.base, b.is = true, "v1.14.1"
	b.docker = `{"imageDigest": "sha256:` + digest(nil) + `", "hash": "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}`
	b.github.publish(t, "v1.14.1", "v1.14.1", true)

	if err := b.pin(t.Context(), "v1.14.1"); err != nil {
		t.Fatal(err)
	}

	got := b.read(t)

	for _, asset := range assets {
		if want := digest(b.github.files["/v1.14.1/"+asset]); got["v1.14.1"][asset] != want {
			t.Errorf("%s: got %v, want %s", asset, got["v1.14.1"][asset], want)
		}
	}

	if provenance := got["v1.14.1"][provenanceKey].(string); !strings.Contains(provenance, "bundle verified") || !strings.Contains(provenance, "2026-11-26") {
		t.Errorf("provenance: got %q, want %q and %q", provenance, "bundle verified", "2026-11-26")
	}

	if pinned, ok := got["v1.14.1"][baseKey].(map[string]any); !ok || pinned["imageDigest"] != "sha256:"+digest(nil) || pinned["sha256"] == "" {
		t.Errorf("installer base: got %v, want digests of image and file", got["v1.14.1"][baseKey])
	}

	if got["v1.14.0"][provenanceKey] != "by hand" {
		t.Errorf("v1.14.0: got %v, want it as it was", got["v1.14.0"])
	}

	want := []string{"cosign verify-blob --bundle", "nix-prefetch-docker --quiet --json --image-name " + base + " --image-tag v1.14.1 --os linux --arch arm64", "cosign verify --certificate-identity-regexp", "labels " + base + "@sha256:"}
	for i, start := range want {
		if i >= len(b.calls) || !strings.HasPrefix(b.calls[i], start) {
			t.Errorf("call %d: got %q, want it to start with %q", i, b.calls, start)
		}
	}

	// Once more: everything is there, nothing is asked.
	b.github.asked, b.calls = nil, nil

	if err := b.pin(t.Context(), "v1.14.1"); err != nil {
		t.Fatal(err)
	}

	if len(b.github.asked)+len(b.calls) != 0 {
		t.Errorf("asked again: got %v and %v, want nothing", b.github.asked, b.calls)
	}
}

func TestOnlyAPlain404MeansThatThereIsNoBundle(t *testing.T) {
	for _, version := range []string{"v1.10.9", "v1.14.1"} {
		for _, code := range []int{301, 302, 400, 401, 403, 408, 410, 429, 451, 500, 502, 503, 504} {
			b := newBench(t)
			b.unsigned = true
			b.github.publish(t, version, version, true)
			b.github.answers["/"+version+"/"+bundle] = code
			b.refused(t, version, "whether "+version+" is signed cannot be told")
		}
	}
}

func TestAMissingBundleIsTakenOfLinesThatNeverHadOneAlone(t *testing.T) {
	for version, unsigned := range map[string]bool{"v1.10.9": false, "v1.9.0": false, "v1.14.1": true} {
		b := newBench(t)
		b.unsigned = unsigned
		b.github.publish(t, version, version, false)

		if err := b.pin(t.Context(), version); err != nil {
			t.Errorf("%s (unsigned allowed: %v): %v", version, unsigned, err)
		} else if got := b.read(t)[version][provenanceKey].(string); !strings.Contains(got, "without a Sigstore bundle") {
			t.Errorf("%s: got provenance %q, want %q", version, got, "without a Sigstore bundle")
		}
	}

	for _, version := range []string{"v1.11.0", "v1.14.1", "v2.0.0", "v1.11.0-alpha.1"} {
		b := newBench(t)
		b.github.publish(t, version, version, false)
		b.refused(t, version, "should have a Sigstore bundle")
	}
}

func TestABundleThatDoesNotVerifyIsNeverLeftOut(t *testing.T) {
	for _, version := range []string{"v1.10.9", "v1.14.1"} {
		b := newBench(t)
		b.unsigned = true
		b.cosign = errors.New("exit status 1")
		b.github.publish(t, version, version, true)
		b.refused(t, version, "does not verify "+sums)
	}
}

func TestAListOfAnotherVersionIsRefused(t *testing.T) {
	// An older release's list is signed as well.
	b := newBench(t)
	b.github.publish(t, "v1.14.1", "v1.13.0", true)
	b.refused(t, "v1.14.1", `is of Talos "v1.13.0"`)
}

func TestAnInitramfsThatIsNotTheListedOneIsRefused(t *testing.T) {
	b := newBench(t)
	b.github.publish(t, "v1.14.1", "v1.14.1", true)
	b.github.files["/v1.14.1/"+initramfsAsset] = initramfsOf(t, "v1.14.2")
	b.refused(t, "v1.14.1", "has sha256")
}

func TestARedirectToHTTPIsRefused(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()

	b := newBench(t)
	b.github.publish(t, "v1.10.9", "v1.10.9", false)

	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, bundle) {
			http.Redirect(w, r, plain.URL+r.URL.Path, http.StatusFound)

			return
		}

		b.github.ServeHTTP(w, r)
	}))
	defer server.Close()

	b.releases = server.URL
	b.client = server.Client()
	b.client.CheckRedirect = httpsOnly
	b.refused(t, "v1.10.9", "not https")

	b.releases = plain.URL
	b.refused(t, "v1.10.9", "not https")
}

func TestAListWithoutEveryAssetIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "no single sha256 of " + initramfsAsset,
		"zz  _out/" + initramfsAsset + "\n": "no single sha256 of " + initramfsAsset,
		digest(nil) + "  " + initramfsAsset + "\n":   "no single sha256 of vmlinuz-arm64",
		digest(nil) + "  a\n" + "00  dir/a\n":        "two hashes of a",
		digest(nil) + " *b/" + initramfsAsset + "\n": "no single sha256 of vmlinuz-arm64",
	} {
		b := newBench(t)
		b.github.publish(t, "v1.14.1", "v1.14.1", true)
		b.github.files["/v1.14.1/"+sums] = []byte(text)
		b.refused(t, "v1.14.1", want)
	}
}

func TestWhatIsMissingOfAnEntryIsAddedAndNoHashChanges(t *testing.T) {
	b := newBench(t)
	b.github.publish(t, "v1.14.0", "v1.14.0", true)
	b.refused(t, "v1.14.0", "the table has sha256 e47bc13e")

	known := release{initramfsAsset: digest(b.github.files["/v1.14.0/"+initramfsAsset]), provenanceKey: "by hand"}
	if err := (table{"v1.14.0": known}).write(b.table); err != nil {
		t.Fatal(err)
	}

	if err := b.pin(t.Context(), "v1.14.0"); err != nil {
		t.Fatal(err)
	}

	if got := b.read(t)["v1.14.0"]; !got.complete() {
		t.Errorf("got %v, want every asset", got)
	}
}

func TestNothingIsWrittenOfAReleaseWhoseBaseDoesNotVerify(t *testing.T) {
	for docker, want := range map[string]string{
		`{"imageDigest": "latest"}`:                                    `gave digest "latest"`,
		`{"imageDigest": "sha256:` + digest(nil) + `", "sha256": "x"}`: `hash "x"`,
		"no JSON": "nix-prefetch-docker",
	} {
		b := newBench(t)
		b.base, b.docker = true, docker
		b.github.publish(t, "v1.10.9", "v1.10.9", false)
		b.refused(t, "v1.10.9", want)
	}

	b := newBench(t)
	b.base, b.cosign = true, errors.New("exit status 1")
	b.docker = `{"imageDigest": "sha256:` + digest(nil) + `", "sha256": "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73"}`
	b.github.publish(t, "v1.10.9", "v1.10.9", false)
	b.refused(t, "v1.10.9", "does not verify")
}

// A tag is the registry's to move, and each release's base is signed by the same.
func TestABaseOfAnotherReleaseIsRefused(t *testing.T) {
	for _, is := range []string{"v1.10.8", ""} {
		b := newBench(t)
		b.base, b.is = true, is
		b.docker = `{"imageDigest": "sha256:` + digest(nil) + `", "sha256": "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73"}`
		b.github.publish(t, "v1.10.9", "v1.10.9", false)
		b.refused(t, "v1.10.9", fmt.Sprintf("is of Talos %q", is))
	}
}

func TestTheTableIsReplacedAsAWhole(t *testing.T) {
	b := newBench(t)

	// Who has it open reads the old one to its end: the new one is another file.
	open, err := os.Open(b.table)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close() // read only

	b.github.publish(t, "v1.10.9", "v1.10.9", false)

	if err := b.pin(t.Context(), "v1.10.9"); err != nil {
		t.Fatal(err)
	}

	if got, err := io.ReadAll(open); err != nil || string(got) != before {
		t.Errorf("the open table became %q (%v), want it as it was", got, err)
	}

	// Where the last step fails, nothing is left beside what was there.
	dir := t.TempDir()
	inTheWay := filepath.Join(dir, "releases.json")

	if err := os.MkdirAll(filepath.Join(inTheWay, "full"), 0o755); err != nil {
		t.Fatal(err)
	}

	if err := (table{}).write(inTheWay); err == nil {
		t.Errorf("writing over a directory: got no error, want one")
	}

	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("after a failed write: got %v (%v), want what was there", left, err)
	}
}

func TestAReleaseThatIsNotThereIsRefused(t *testing.T) {
	newBench(t).refused(t, "v9.9.9", "is v9.9.9 a release?")
}

func TestAPassingFaultIsTriedAgain(t *testing.T) {
	b := newBench(t)
	b.github.publish(t, "v1.10.9", "v1.10.9", false)

	faults := 2
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if faults > 0 {
			faults--

			w.WriteHeader(http.StatusBadGateway)

			return
		}

		b.github.ServeHTTP(w, r)
	}))
	defer server.Close()

	b.releases, b.client = server.URL, server.Client()

	if err := b.pin(t.Context(), "v1.10.9"); err != nil {
		t.Error(err)
	}
}

func TestAWrongCallIsSaidAndAsksNobody(t *testing.T) {
	for _, args := range [][]string{{}, {"1.14.1"}, {"v1.14.1", "v1.14.2"}, {"v1.14.1", "--installer"}, {"v1.14.1/../x"}} {
		cmd := command()
		cmd.SetArgs(args)

		if err := cmd.Execute(); !errors.Is(err, errUsage) {
			t.Errorf("pin %q: got %v, want a wrong call", args, err)
		}
	}
}

// The project's own table is what this program reads and writes, and nothing in it is less than a hash.
func TestTheTableOfThisRepositoryIsWhole(t *testing.T) {
	got, err := readTable("../../nix/talos/releases.json")
	if err != nil {
		t.Fatal(err)
	}

	for version, entry := range got {
		if !isVersion(version) || entry[provenanceKey] == nil {
			t.Errorf("%s: got %v, want a version and its provenance", version, entry)
		}

		for _, asset := range assets {
			if hash, ok := entry[asset].(string); entry[asset] != nil && (!ok || !hexPattern.MatchString(hash)) {
				t.Errorf("%s of %s: got %v, want a sha256", asset, version, entry[asset])
			}
		}
	}
}
