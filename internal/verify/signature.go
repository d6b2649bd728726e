// SPDX-License-Identifier: MPL-2.0

package verify

import (
	"errors"
	"io/fs"

	"talos-nanopi-m6/internal/signature"
)

// signature checks who signed the manifest, which accounts for every bit of the image.
func (o Options) signature(l *list, c *compared) {
	const name = "manifest.signature"

	var m *Manifest
	if c != nil {
		m = c.m
	}

	if m == nil {
		if o.Key != "" {
			l.add(name, Fail, "there is no manifest.json of its own beside it, and so nothing signed with %s", o.Key)
		}

		return
	}

	path := m.path + signature.Suffix
	bundle, err := readText(path)
	absent := errors.Is(err, fs.ErrNotExist)

	switch {
	case err != nil && !absent:
		l.add(name, Fail, "%v", err)
	case o.Key == "" && absent:
	case o.Key == "":
		l.add(name, Warn, "%s is there and was not checked: cosign verify-blob (docs/releases.md), or --key for a key of your own", path)
	case absent:
		l.add(name, Fail, "no %s", path)
	default:
		key, err := readText(o.Key)
		if err == nil {
			err = signature.Verify(bundle, key, m.text)
		}

		if err != nil {
			l.add(name, Fail, "%s: %v", path, err)
		} else {
			l.add(name, Pass, "signed with the private half of %s", o.Key)
		}
	}
}
