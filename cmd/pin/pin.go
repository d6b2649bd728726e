// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"talos-nanopi-m6/internal/inspect/initramfs"
)

// What is pinned of every release. The initramfs also tells which version it is of.
const initramfsAsset = "initramfs-arm64.xz"

var assets = []string{initramfsAsset, "vmlinuz-arm64", "talosctl-linux-amd64", "talosctl-linux-arm64"}

const (
	sums   = "sha256sum.txt"
	bundle = sums + ".bundle"
	base   = "ghcr.io/siderolabs/installer-base"
	// versionLabel is in the configuration of Talos' images (its Dockerfile, 1.10 to 1.13).
	versionLabel = "alpha.talos.dev/version"
)

// lastUnsigned is the last line of Talos 1 whose releases have no signatures beside their assets (siderolabs/talos issue
// 11547); bundles came during the next line (issue 11972).
const lastUnsigned = 10

// unsignedLine reports whether releases of the version's line are known to have no Sigstore bundle.
func unsignedLine(version string) bool {
	var major, minor int

	n, err := fmt.Sscanf(version, "v%d.%d.", &major, &minor)

	return err == nil && n == 2 && major <= 1 && minor <= lastUnsigned
}

// signer says who signs Talos' releases: Talos v1.13's documentation, "Verifying image signatures".
var signer = []string{
	"--certificate-identity-regexp", `(@siderolabs\.com$|^releasemgr-svc@talos-production\.iam\.gserviceaccount\.com$)`,
	"--certificate-oidc-issuer", "https://accounts.google.com",
}

var (
	versionPattern = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+(-[a-z]+\.[0-9]+)?$`)
	hexPattern     = regexp.MustCompile(`^[0-9a-f]{64}$`)
	digestPattern  = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	// SRI or base 32, by nixpkgs' version.
	nixHashPattern = regexp.MustCompile(`^(sha256-[A-Za-z0-9+/]{43}=|[0-9a-z]{52})$`)
)

func isVersion(s string) bool { return versionPattern.MatchString(s) }

// pinner adds releases to a table.
type pinner struct {
	table          string // path
	base, unsigned bool
	releases       string // URL below which each release has its directory
	client         *http.Client
	run            func(ctx context.Context, name string, args ...string) ([]byte, error)
	labels         func(ctx context.Context, reference string) (map[string]string, error) // of an image, by digest
	now            func() time.Time
	wait           time.Duration // before the second try
	out            io.Writer
}

func (p *pinner) day() string { return p.now().UTC().Format(time.DateOnly) }

// pin adds what is asked for and not there yet. The table is written once, when all of it verified.
func (p *pinner) pin(ctx context.Context, version string) error {
	t, err := readTable(p.table)
	if err != nil {
		return err
	}

	entry := t[version]
	if entry == nil {
		entry = release{}
		t[version] = entry
	}

	changed := false

	if entry.complete() {
		fmt.Fprintf(p.out, "%s has %s\n", p.table, version)
	} else {
		if err := p.addAssets(ctx, version, entry); err != nil {
			return fmt.Errorf("%w: nothing is written", err)
		}

		changed = true
	}

	switch {
	case !p.base:
	case entry[baseKey] != nil:
		fmt.Fprintf(p.out, "%s has the installer base of %s\n", p.table, version)
	default:
		if err := p.addBase(ctx, version, entry); err != nil {
			return fmt.Errorf("%w: nothing is written", err)
		}

		changed = true
	}

	if !changed {
		return nil
	}

	return t.write(p.table)
}

func (r release) complete() bool {
	for _, asset := range assets {
		if r[asset] == nil {
			return false
		}
	}

	return r[provenanceKey] != nil
}

// addAssets takes the hashes that the release's own list has. A hash that is in the entry already stays: another one in the
// list is an error.
func (p *pinner) addAssets(ctx context.Context, version string, entry release) error {
	work, err := os.MkdirTemp("", "pin-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) // temporary

	list, voucher, err := p.vouchedSums(ctx, version, work)
	if err != nil {
		return err
	}

	for _, asset := range assets {
		hash := list[asset]
		if !hexPattern.MatchString(hash) {
			return fmt.Errorf("%s of %s has no single sha256 of %s", sums, version, asset)
		}

		if known, ok := entry[asset].(string); ok && known != hash {
			return fmt.Errorf("%s of %s: the table has sha256 %s, the release now says %s", asset, version, known, hash)
		}

		entry[asset] = hash
	}

	// The list names assets, not the version they are of: an older release's list is as well signed. The initramfs says it.
	is, err := p.initramfsVersion(ctx, version, list[initramfsAsset], work)
	if err != nil {
		return err
	}

	if is != version {
		return fmt.Errorf("the initramfs that %s of %s names is of Talos %q", sums, version, is)
	}

	entry[provenanceKey] = fmt.Sprintf("%s of the release, %s, %s; its initramfs says %s", sums, voucher, p.day(), version)
	fmt.Fprintf(p.out, "%s: %s\n", version, entry[provenanceKey])

	return nil
}

// vouchedSums gives the release's list of hashes by asset, and who vouches for it.
func (p *pinner) vouchedSums(ctx context.Context, version, work string) (map[string]string, string, error) {
	var text, signature buffer

	url := p.releases + "/" + version + "/"

	if err := p.get(ctx, url+sums, maxText, &text); err != nil {
		if errors.Is(err, errAbsent) {
			err = fmt.Errorf("%w: is %s a release?", err, version)
		}

		return nil, "", err
	}

	list, err := parseSums(text.String())
	if err != nil {
		return nil, "", fmt.Errorf("%s of %s: %w", sums, version, err)
	}

	switch err := p.get(ctx, url+bundle, maxText, &signature); {
	case errors.Is(err, errAbsent):
		if !unsignedLine(version) && !p.unsigned {
			return nil, "", fmt.Errorf("%w: %s should have a Sigstore bundle; hint: look at the release's page, and if it never had one, --unsigned takes it on HTTPS alone", err, version)
		}

		return list, "over HTTPS, without a Sigstore bundle", nil
	case err != nil:
		return nil, "", fmt.Errorf("whether %s is signed cannot be told: %w", version, err)
	}

	file, sign := filepath.Join(work, sums), filepath.Join(work, bundle)
	if err := errors.Join(os.WriteFile(file, text.Bytes(), 0o600), os.WriteFile(sign, signature.Bytes(), 0o600)); err != nil {
		return nil, "", err
	}

	if _, err := p.run(ctx, "cosign", append(append([]string{"verify-blob", "--bundle", sign}, signer...), file)...); err != nil {
		return nil, "", fmt.Errorf("the Sigstore bundle of %s does not verify %s (cosign: %w)", version, sums, err)
	}

	return list, "its Sigstore bundle verified (signed by Sidero Labs)", nil
}

// parseSums reads what sha256sum(1) writes: hash, blank, mode and file, whose directory does not matter here.
func parseSums(text string) (map[string]string, error) {
	list := map[string]string{}

	for line := range strings.Lines(text) {
		hash, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}

		name = path.Base(strings.TrimPrefix(strings.TrimSpace(name), "*"))
		if known, ok := list[name]; ok && known != hash {
			return nil, fmt.Errorf("two hashes of %s", name)
		}

		list[name] = hash
	}

	return list, nil
}

// initramfsVersion gives the version that the initramfs with this hash says it is of.
func (p *pinner) initramfsVersion(ctx context.Context, version, hash, work string) (string, error) {
	f, err := os.Create(filepath.Join(work, initramfsAsset))
	if err != nil {
		return "", err
	}
	defer f.Close() // temporary

	if err := p.get(ctx, p.releases+"/"+version+"/"+initramfsAsset, maxAsset, file{f}); err != nil {
		return "", err
	}

	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}

	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}

	if got := hex.EncodeToString(h.Sum(nil)); got != hash {
		return "", fmt.Errorf("%s of %s has sha256 %s, its %s says %s", initramfsAsset, version, got, sums, hash)
	}

	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}

	root, err := initramfs.Decode(f)
	if err != nil {
		return "", fmt.Errorf("%s of %s: %w", initramfsAsset, version, err)
	}

	return root.Version, nil
}

// addBase takes the installer base: it comes from a registry by its tag, and is what it is by digest, signature and hash.
func (p *pinner) addBase(ctx context.Context, version string, entry release) error {
	out, err := p.run(ctx, "nix-prefetch-docker", "--quiet", "--json", "--image-name", base, "--image-tag", version,
		"--os", "linux", "--arch", "arm64")
	if err != nil {
		return fmt.Errorf("%s:%s cannot be had (nix-prefetch-docker: %w)", base, version, err)
	}

	var image struct {
		ImageDigest, Hash, SHA256 string
	}

	if err := json.Unmarshal(out, &image); err != nil {
		return fmt.Errorf("nix-prefetch-docker: %w", err)
	}

	if image.Hash == "" {
		image.Hash = image.SHA256
	}

	if !digestPattern.MatchString(image.ImageDigest) || !nixHashPattern.MatchString(image.Hash) {
		return fmt.Errorf("nix-prefetch-docker gave digest %q and hash %q for %s:%s", image.ImageDigest, image.Hash, base, version)
	}

	if _, err := p.run(ctx, "cosign", append(append([]string{"verify"}, signer...), base+"@"+image.ImageDigest)...); err != nil {
		return fmt.Errorf("the signature of %s@%s does not verify (cosign: %w)", base, image.ImageDigest, err)
	}

	// The signature is of the digest, and the tag is the registry's to move: an older base is as well signed.
	labels, err := p.labels(ctx, base+"@"+image.ImageDigest)
	if err != nil {
		return fmt.Errorf("%s@%s: %w", base, image.ImageDigest, err)
	}

	if is := labels[versionLabel]; is != version {
		return fmt.Errorf("%s:%s, which is %s, is of Talos %q (its label %s)", base, version, image.ImageDigest, is, versionLabel)
	}

	entry[baseKey] = map[string]any{
		"imageDigest": image.ImageDigest,
		"sha256":      image.Hash,
		provenanceKey: fmt.Sprintf("signature verified (signed by Sidero Labs), %s; its label says %s", p.day(), version),
	}
	fmt.Fprintf(p.out, "%s: %s@%s, signature verified\n", version, base, image.ImageDigest)

	return nil
}

// buffer and file are what get fills, from the start again when it tries again.
type buffer struct{ bytes.Buffer }

func (b *buffer) Reset() error {
	b.Buffer.Reset()

	return nil
}

type file struct{ *os.File }

func (f file) Reset() error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}

	return f.Truncate(0)
}
