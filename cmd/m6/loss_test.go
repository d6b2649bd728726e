// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fails runs a command that must fail, and compares what it must not change.
func fails(t *testing.T, code int, say, kept string, args ...string) {
	t.Helper()

	before, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}

	_, got, gotCode := m6(t, args...)
	if gotCode != code || !strings.Contains(got, say) {
		t.Errorf("%v: got %d %q, want %d %q", args, gotCode, got, code, say)
	}

	if after, err := os.ReadFile(kept); err != nil || !bytes.Equal(before, after) {
		t.Errorf("%v: got %d bytes that changed (%v), want the file as it was", args, len(after), err)
	}
}

func TestAnImageIsNeverWhatIsWritten(t *testing.T) {
	image := file(t, "a.raw", bytes.Repeat([]byte("image"), 1<<16))
	link, hard := filepath.Join(t.TempDir(), "link"), filepath.Join(filepath.Dir(image), "hard")

	if err := os.Symlink(image, link); err != nil {
		t.Fatal(err)
	}

	if err := os.Link(image, hard); err != nil {
		t.Fatal(err)
	}

	for _, same := range []string{image, link, hard} {
		fails(t, exitRefused, "are the same", image, "flash", "--no-verify", image, same)
		fails(t, exitRefused, "are the same", image, "flash", "--loader-only", image, same)
		fails(t, exitRefused, "are the same", image, "flash", "--no-verify", "file://"+image, same)
		fails(t, exitRefused, "are the same", image, "boot", "--log", same, image)

		if _, err := createOutput(same, image); err == nil {
			t.Errorf("%s was created over %s: got no error, want one", same, image)
		}
	}

	// What is read besides.
	other := filepath.Join(t.TempDir(), "other.raw")
	for _, read := range []string{"--embed-config", "--manifest", "--key"} {
		fails(t, exitRefused, "are the same", image, "flash", read, image, other, image)
	}

	fails(t, exitRefused, "are the same", image, "flash", "--meta", "0xa=@"+image, other, image)
	fails(t, exitRefused, "are the same", image, "boot", "--firmware", image, "--log", image, other)

	beside := file(t, "manifest.json", []byte("{}"))
	fails(t, exitRefused, "are the same", beside, "flash", filepath.Join(filepath.Dir(beside), "a.raw"), beside)

	if _, err := createOutput(image, filepath.Dir(image)); err == nil {
		t.Errorf("a part of an overlay was created over: got no error, want one")
	}
}

func TestAnEmptyStreamChangesNothing(t *testing.T) {
	card := file(t, "card", bytes.Repeat([]byte("photo"), 1<<16*512/5)[:1<<20])

	fails(t, exitInput, "is empty", card, "flash", "-", card) // standard input of a test is empty
	fails(t, exitUsage, "UUID of the machine", card, "flash", "--meta", "0xf=not-a-uuid", "-", card)
	fails(t, exitUsage, "more than the", card, "flash", "--meta", "0xa=@/dev/zero", "-", card)
	fails(t, exitInput, "document 2", card, "flash", "--embed-config",
		file(t, "broken.yaml", []byte("version: v1alpha1\nmachine: {}\n---\nthis: is: not: yaml\n")), "-", card)
}

func TestTextFromOutsideDoesNotSteerATerminal(t *testing.T) {
	for text, want := range map[string]string{
		"EFI\x1b]0;title\x07":  `EFI\u001b]0;title\u0007`,
		"\u009b2J":             `\u009b2J`,
		"a\u202eb":             `a\u202eb`,
		"line\r\x1b[K":         `line\u000d\u001b[K`,
		"two\nlines\tand more": "two\nlines\tand more",
		"größe":                "größe",
	} {
		var b bytes.Buffer
		if n, err := (safe{&b}).Write([]byte(text)); err != nil || n != len(text) || b.String() != want {
			t.Errorf("%q: got %q (%d, %v), want %q", text, b.String(), n, err, want)
		}
	}

	c := root()
	if _, ok := c.OutOrStdout().(safe); !ok {
		t.Errorf("standard output: got %T, want what escapes text from outside", c.OutOrStdout())
	}

	if _, ok := c.ErrOrStderr().(safe); !ok {
		t.Errorf("standard error: got %T, want what escapes text from outside", c.ErrOrStderr())
	}
}
