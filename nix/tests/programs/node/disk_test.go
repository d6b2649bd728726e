// SPDX-License-Identifier: MPL-2.0

//go:build life

package node_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func command(t *testing.T, name string, args ...string) []byte {
	t.Helper()

	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}

	return out
}

// empty makes a file of zeros, size in bytes.
func empty(t *testing.T, name string, size int64) string {
	t.Helper()

	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}

	return name
}

func copied(t *testing.T, from, to string) {
	t.Helper()
	command(t, "cp", "--sparse=always", "--remove-destination", from, to)
}

func sum(t *testing.T, name string) string {
	t.Helper()

	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // was only read

	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}

	return fmt.Sprintf("%x", h.Sum(nil))
}

// head is the start of a file, of that many bytes.
func head(t *testing.T, name string, bytes int64) string {
	t.Helper()

	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // was only read

	content, err := io.ReadAll(io.LimitReader(f, bytes))
	if err != nil {
		t.Fatal(err)
	}

	return string(content)
}
