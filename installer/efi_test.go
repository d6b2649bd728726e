// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"talos-nanopi-m6/internal/fixture/rockchiploader"
)

func TestTheEFIPartitionIsJudgedBeforeTheLoaderIsTouched(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, efi string)
		want  string
	}{
		"a file where a folder is to be": {func(t *testing.T, efi string) {
			if err := os.MkdirAll(efi, 0o755); err != nil {
				t.Fatal(err)
			}

			overwrite(t, filepath.Join(efi, "dtb"), []byte("a file"))
		}, "not a directory"},
		"a folder where the file is to be": {func(t *testing.T, efi string) {
			if err := os.MkdirAll(filepath.Join(efi, dtbFolder, boardDTB), 0o755); err != nil {
				t.Fatal(err)
			}
		}, "neither a file nor free"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, rockchiploader.Small, imageSize)
			c.spoil(t, filepath.Join(n.mount, "boot/EFI"))

			if _, err := n.install(t, nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}

			if bytes.ContainsFunc(read(t, n.disk), func(r rune) bool { return r != 0 }) {
				t.Error("got a disk that was written to, want no loader on it")
			}
		})
	}
}
