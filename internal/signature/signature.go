// SPDX-License-Identifier: MPL-2.0

// Package signature checks Sigstore bundles that were made with a key of one's own (cosign sign-blob --key KEY --bundle
// FILE.sigstore.json FILE). A keyless bundle needs Sigstore's own certificates and log, which cosign has.
package signature

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	bundlev1 "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	commonv1 "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	sigstore "github.com/sigstore/sigstore/pkg/signature"
	"google.golang.org/protobuf/encoding/protojson"
)

// Suffix is what a bundle's name has more than the file's that it signs.
const Suffix = ".sigstore.json"

// What is said of a bundle that cannot be checked here, or that does not fit.
var (
	// ErrKeyless is a bundle with a certificate instead of a key.
	ErrKeyless = errors.New("signed keyless, with a certificate: cosign verify-blob checks it")
	// ErrNotABundle is a file that is no bundle of a signature over a file.
	ErrNotABundle = errors.New("not a Sigstore bundle of a file's signature")
	// ErrOther is a signature over other bytes, or by another key.
	ErrOther = errors.New("the signature is not this key's over these bytes")
)

const mediaType = "application/vnd.dev.sigstore.bundle"

// Verify checks that a bundle (JSON) is the signature of content by the owner of a public key (PEM).
func Verify(bundle, key, content []byte) error {
	var b bundlev1.Bundle

	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(bundle, &b); err != nil || !strings.HasPrefix(b.GetMediaType(), mediaType) {
		return errors.Join(ErrNotABundle, err)
	}

	material := b.GetVerificationMaterial()
	if material.GetCertificate() != nil || material.GetX509CertificateChain() != nil {
		return ErrKeyless
	}

	message := b.GetMessageSignature()
	if len(message.GetSignature()) == 0 {
		return ErrNotABundle
	}

	if d := message.GetMessageDigest(); d != nil {
		sum := sha256.Sum256(content)
		if d.GetAlgorithm() != commonv1.HashAlgorithm_SHA2_256 || !bytes.Equal(d.GetDigest(), sum[:]) {
			return ErrOther
		}
	}

	public, err := cryptoutils.UnmarshalPEMToPublicKey(key)
	if err != nil {
		return fmt.Errorf("public key: %w", err)
	}

	verifier, err := sigstore.LoadVerifier(public, crypto.SHA256)
	if err != nil {
		return fmt.Errorf("public key: %w", err)
	}

	// The digest in the bundle is only a hint: the signature is over the bytes.
	if err := verifier.VerifySignature(bytes.NewReader(message.GetSignature()), bytes.NewReader(content)); err != nil {
		return fmt.Errorf("%w: %w", ErrOther, err)
	}

	return nil
}
