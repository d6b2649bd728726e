// SPDX-License-Identifier: MPL-2.0

package verify

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/inspect/gpt"
)

// FuzzManifest compares a disk with any bytes as its manifest.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"image":{"file":"a","sha256":"` + zeros + `","rawSha256":"` + zeros + `","rawBytes":1024},` +
		`"layout":{"partitions":[{"number":1,"name":"EFI"}],"regions":[{"name":"x","offset":-1,"bytes":9223372036854775807}]}}`))
	f.Add([]byte(`{}`))

	f.Fuzz(func(t *testing.T, b []byte) {
		p := filepath.Join(t.TempDir(), "manifest.json")
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}

		m, err := readManifest(p)
		if err != nil {
			return
		}

		d := &image.Disk{ReaderAt: bytes.NewReader(make([]byte, 1024)), Format: image.Raw, Size: 1024}
		s := m.sums()
		s.start(t.Context(), d)

		if err := s.wait(); err != nil {
			t.Error(err)
		}

		(&compared{t.Context(), m, "", s, d}).check(&list{}, &inspect.Report{Kind: inspect.KindDisk, GPT: &gpt.Table{}})
	})
}

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"
