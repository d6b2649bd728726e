// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// kept is what stays of a file that is read once: its digest, and its first bytes, at most as many as limit.
type kept struct {
	sum   hash.Hash
	limit int
	b     []byte
}

func keep(limit int) *kept { return &kept{sum: sha256.New(), limit: limit} }

func (k *kept) Write(p []byte) (int, error) {
	k.b = append(k.b, p[:min(len(p), k.limit-len(k.b))]...)

	return k.sum.Write(p)
}

// digest is the SHA-256 of all that was written.
func (k *kept) digest() string { return hex.EncodeToString(k.sum.Sum(nil)) }
