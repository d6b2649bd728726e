// SPDX-License-Identifier: MPL-2.0

// Package signature checks Sigstore bundles that were made with a key of one's own (cosign sign-blob --key KEY --bundle
// FILE.sigstore.json FILE; github.com/sigstore/protobuf-specs, sigstore_bundle.proto). A keyless bundle needs Sigstore's own
// certificates and log, which cosign has.
package signature

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Suffix is what a bundle's name has more than the file's that it signs.
const Suffix = ".sigstore.json"

// What is said of a bundle that cannot be checked here, or that does not fit.
var (
	// ErrKeyless is a bundle with a certificate instead of a key.
	ErrKeyless = errors.New("signed keyless, with a certificate: cosign verify-blob checks it")
	// ErrNotABundle is a file that is not a bundle of a signature over a file.
	ErrNotABundle = errors.New("not a Sigstore bundle of a file's signature")
	// ErrOther is a signature over other bytes, or by another key.
	ErrOther = errors.New("the signature is not this key's over these bytes")
	// ErrKey is a file that is not a public key as cosign makes one.
	ErrKey = errors.New("not an ECDSA public key in PEM, as cosign generate-key-pair makes one")
)

const mediaType = "application/vnd.dev.sigstore.bundle"

// bundle is what is read of one: JSON of protocol buffers, in which bytes are base 64.
type bundle struct {
	MediaType string `json:"mediaType"`
	Material  struct {
		Certificate json.RawMessage `json:"certificate"`
		Chain       json.RawMessage `json:"x509CertificateChain"`
	} `json:"verificationMaterial"`
	Message struct {
		Signature []byte `json:"signature"`
	} `json:"messageSignature"`
}

// Verify checks that a bundle (JSON) is the signature of content by the owner of a public key (PEM). The digest that a bundle
// has too proves nothing, and is not looked at.
func Verify(text, key, content []byte) error {
	var b bundle

	if err := json.Unmarshal(text, &b); err != nil || !strings.HasPrefix(b.MediaType, mediaType) {
		return errors.Join(ErrNotABundle, err)
	}

	if b.Material.Certificate != nil || b.Material.Chain != nil {
		return ErrKeyless
	}

	if len(b.Message.Signature) == 0 {
		return ErrNotABundle
	}

	block, _ := pem.Decode(key)
	if block == nil {
		return ErrKey
	}

	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}

	public, ok := parsed.(*ecdsa.PublicKey)
	if !ok {
		return ErrKey
	}

	sum := sha256.Sum256(content)
	if !ecdsa.VerifyASN1(public, sum[:], b.Message.Signature) {
		return ErrOther
	}

	return nil
}
