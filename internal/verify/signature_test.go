// SPDX-License-Identifier: MPL-2.0

package verify_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"talos-nanopi-m6/internal/fixture/diskimage"
	"talos-nanopi-m6/internal/verify"
)

// signed makes a key pair, signs a file with it into the bundle beside it, and gives the public key's path.
func signed(t *testing.T, path string) string {
	t.Helper()

	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	sum := sha256.Sum256(content)

	signature, err := ecdsa.SignASN1(rand.Reader, private, sum[:])
	if err != nil {
		t.Fatal(err)
	}

	bundle := fmt.Sprintf(`{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": {"publicKey": {}},
		"messageSignature": {"signature": %q}}`, base64.StdEncoding.EncodeToString(signature))
	if err := os.WriteFile(path+".sigstore.json", []byte(bundle), 0o600); err != nil {
		t.Fatal(err)
	}

	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}

	key := filepath.Join(t.TempDir(), "key.pub")
	if err := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}

	return key
}

func TestAManifestHasToBeSignedWithTheGivenKey(t *testing.T) {
	p := disk(t, diskimage.Spec{NoFiles: true})
	manifest(t, p, p)

	m := filepath.Join(filepath.Dir(p), "manifest.json")
	key := signed(t, m)

	if got := check(verified(t, p, verify.Options{Key: key}), "manifest.signature"); got.Status != verify.Pass {
		t.Errorf("signed: got %+v, want %s", got, verify.Pass)
	}

	// A signature that nobody looked at proves nothing, and is said.
	if got := check(verified(t, p, verify.Options{}), "manifest.signature"); got.Status != verify.Warn {
		t.Errorf("without a key: got %+v, want %s", got, verify.Warn)
	}

	other := signed(t, p)
	if got := check(verified(t, p, verify.Options{Key: other}), "manifest.signature"); got.Status != verify.Fail {
		t.Errorf("another key: got %+v, want %s", got, verify.Fail)
	}

	content, err := os.ReadFile(m)
	if err != nil {
		t.Fatal(err)
	}

	// The same to a JSON parser, but not the signed bytes.
	if err := os.WriteFile(m, append(content, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}

	if r := verified(t, p, verify.Options{Key: key}); r.Passed || check(r, "manifest.signature").Status != verify.Fail {
		t.Errorf("a changed byte: got %+v, want %s", check(r, "manifest.signature"), verify.Fail)
	}

	if err := os.Remove(m + ".sigstore.json"); err != nil {
		t.Fatal(err)
	}

	if got := check(verified(t, p, verify.Options{Key: key}), "manifest.signature"); got.Status != verify.Fail || !strings.Contains(got.Reason, "no "+m) {
		t.Errorf("no bundle: got %+v, want %s and which file is missing", got, verify.Fail)
	}

	if err := os.Remove(m); err != nil {
		t.Fatal(err)
	}

	if got := check(verified(t, p, verify.Options{Key: key}), "manifest.signature"); got.Status != verify.Fail {
		t.Errorf("no manifest: got %+v, want %s", got, verify.Fail)
	}
}
