// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run calls grub-install as Talos' installer does.
func run(t *testing.T, program, efi string, args ...string) (string, error) {
	t.Helper()

	var out bytes.Buffer

	cmd := command(program)
	cmd.SetOut(&out)
	cmd.SetArgs(append([]string{"--boot-directory=/boot", "--efi-directory=" + efi}, append(args, "/dev/vda")...))
	err := cmd.Execute()

	return out.String(), err
}

func TestTheImagesGRUBIsPutWhereFirmwareLooks(t *testing.T) {
	dir := t.TempDir()
	program, efi := filepath.Join(dir, "grub"), filepath.Join(dir, "efi")
	loader := filepath.Join(efi, "EFI/BOOT/BOOTAA64.EFI")

	if err := os.MkdirAll(filepath.Dir(loader), 0o700); err != nil {
		t.Fatal(err)
	}

	for name, content := range map[string]string{program: "new", loader: "old"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	for _, want := range []string{"was written", "is there already"} {
		said, err := run(t, program, efi, "--removable", "--target=arm64-efi")
		if err != nil || !strings.Contains(said, want) {
			t.Errorf("got %q, %v, want %q", said, err, want)
		}

		if got, err := os.ReadFile(loader); err != nil || string(got) != "new" {
			t.Errorf("got %q, %v, want the new GRUB", got, err)
		}
	}
}

func TestAnotherPlatformIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	dir := t.TempDir()
	program, efi := filepath.Join(dir, "grub"), filepath.Join(dir, "efi")

	if err := os.WriteFile(program, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}

	for _, args := range [][]string{{"--removable", "--target=x86_64-efi"}, {"--target=arm64-efi"}, {"--removable"}} {
		if said, err := run(t, program, efi, args...); err == nil {
			t.Errorf("%v: got %q, want an error", args, said)
		}
	}

	if _, err := os.Stat(efi); !os.IsNotExist(err) {
		t.Errorf("got %v, want no EFI partition touched", err)
	}
}
