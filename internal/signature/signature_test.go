// SPDX-License-Identifier: MPL-2.0

package signature

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// pair makes a key pair as cosign does, and gives its public half (PEM) and what signs with the other into a bundle.
func pair(t *testing.T) (public []byte, sign func(content []byte) string) {
	t.Helper()

	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}

	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), func(content []byte) string {
		sum := sha256.Sum256(content)

		signature, err := ecdsa.SignASN1(rand.Reader, private, sum[:])
		if err != nil {
			t.Fatal(err)
		}

		return fmt.Sprintf(`{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
			"verificationMaterial": {"publicKey": {"hint": "key"}, "tlogEntries": []},
			"messageSignature": {"messageDigest": {"algorithm": "SHA2_256", "digest": %q}, "signature": %q}}`,
			base64.StdEncoding.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(signature))
	}
}

func TestASignatureIsItsKeysOverTheseBytesAlone(t *testing.T) {
	content := []byte("manifest of an image")
	public, sign := pair(t)
	bundle := sign(content)

	if err := Verify([]byte(bundle), public, content); err != nil {
		t.Errorf("the signed bytes: %v", err)
	}

	for i := range content {
		changed := bytes.Clone(content)
		changed[i] ^= 1

		if err := Verify([]byte(bundle), public, changed); !errors.Is(err, ErrOther) {
			t.Errorf("byte %d changed: got %v, want %v", i, err, ErrOther)
		}
	}

	other, _ := pair(t)
	if err := Verify([]byte(bundle), other, content); !errors.Is(err, ErrOther) {
		t.Errorf("another key: got %v, want %v", err, ErrOther)
	}

	// The digest is not a proof: other bytes with their own digest, and the signature of these.
	forged := sign([]byte("other bytes"))
	mixed := forged[:strings.Index(forged, `"signature"`)] + bundle[strings.Index(bundle, `"signature"`):]

	if err := Verify([]byte(mixed), public, []byte("other bytes")); !errors.Is(err, ErrOther) {
		t.Errorf("a signature of other bytes: got %v, want %v", err, ErrOther)
	}
}

func TestWhatIsNoBundleIsSaid(t *testing.T) {
	content := []byte("x")
	public, sign := pair(t)
	bundle := sign(content)

	for name, c := range map[string]struct {
		bundle string
		want   error
	}{
		"empty":        {"", ErrNotABundle},
		"other JSON":   {`{"base64Signature": "x"}`, ErrNotABundle},
		"no signature": {`{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}`, ErrNotABundle},
		"keyless":      {strings.Replace(bundle, `"publicKey": {"hint": "key"}`, `"certificate": {"rawBytes": "AAAA"}`, 1), ErrKeyless},
		"half a one":   {bundle[:len(bundle)/2], ErrNotABundle},
	} {
		if err := Verify([]byte(c.bundle), public, content); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}

	if err := Verify([]byte(bundle), []byte("no key"), content); !errors.Is(err, ErrKey) {
		t.Errorf("no key: got %v, want %v", err, ErrKey)
	}
}
