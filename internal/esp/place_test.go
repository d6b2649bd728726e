// SPDX-License-Identifier: MPL-2.0

package esp

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func ours(name string) bool {
	return strings.HasPrefix(name, "board") && strings.HasSuffix(name, ".dtb")
}

func mustWrite(t *testing.T, name, content string) {
	t.Helper()

	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, root string) []string {
	t.Helper()

	var names []string

	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(root, name)
			names = append(names, rel)
		}

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	slices.Sort(names)

	return names
}

func TestFileIsPlacedWithPlainModesWhateverTheUmask(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)

	root := filepath.Join(t.TempDir(), "boot", "EFI")

	written, err := Place(root, "dtb/rockchip/board.dtb", []byte("tree"), ours)
	if err != nil || !written {
		t.Fatal(written, err)
	}

	for name, want := range map[string]fs.FileMode{"dtb": 0o755, "dtb/rockchip": 0o755, "dtb/rockchip/board.dtb": 0o644} {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}

		if info.Mode().Perm() != want {
			t.Errorf("%s: mode %o, not %o", name, info.Mode().Perm(), want)
		}
	}
}

func TestSameFileIsNotWrittenAgain(t *testing.T) {
	root := t.TempDir()

	if _, err := Place(root, "dtb/board.dtb", []byte("tree"), ours); err != nil {
		t.Fatal(err)
	}

	before, err := os.Stat(filepath.Join(root, "dtb/board.dtb"))
	if err != nil {
		t.Fatal(err)
	}

	written, err := Place(root, "dtb/board.dtb", []byte("tree"), ours)
	if err != nil || written {
		t.Fatal(written, err)
	}

	after, err := os.Stat(filepath.Join(root, "dtb/board.dtb"))
	if err != nil {
		t.Fatal(err)
	}

	if !os.SameFile(before, after) {
		t.Error("got another file under the name, want the same one")
	}
}

func TestOldFilesOfOursGoAndNothingElse(t *testing.T) {
	root := t.TempDir()

	for _, name := range []string{
		"EFI/boot/BOOTAA64.efi", "dtb/board.dtb", "dtb/board.dtb.new", "dtb/board-v1.dtb", "dtb/other.dtb", "dtb/board.txt", "board-v1.dtb",
		"dtb/board-folder.dtb/file",
	} {
		mustWrite(t, filepath.Join(root, name), "old")
	}

	if _, err := Place(root, "dtb/board.dtb", []byte("tree"), ours); err != nil {
		t.Fatal(err)
	}

	want := []string{"EFI/boot/BOOTAA64.efi", "board-v1.dtb", "dtb/board-folder.dtb/file", "dtb/board.dtb", "dtb/board.txt", "dtb/other.dtb"}
	if got := list(t, root); !slices.Equal(got, want) {
		t.Errorf("left: %v, not %v", got, want)
	}
}

// A file system of 64 KiB, where the machine lets a test mount one; the temporary file's name taken by a folder, where it
// does not.
func TestFailureLeavesTheOldFileAndNoLeftovers(t *testing.T) {
	root := t.TempDir()
	want := []string{"dtb/board.dtb"}

	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=64k"); err == nil {
		defer func() { _ = syscall.Unmount(root, 0) }() // the test's own
	} else {
		t.Logf("no small file system: %v", err)
		mustWrite(t, filepath.Join(root, "dtb/board.dtb.new/file"), "in the way")

		want = append(want, "dtb/board.dtb.new/file")
	}

	mustWrite(t, filepath.Join(root, "dtb/board.dtb"), "old tree")

	if _, err := Place(root, "dtb/board.dtb", make([]byte, 256<<10), ours); err == nil {
		t.Fatalf("more was written than there is room for: got no error, want one")
	}

	if got := list(t, root); !slices.Equal(got, want) {
		t.Errorf("left: got %v, want %v", got, want)
	}

	if got, err := os.ReadFile(filepath.Join(root, "dtb/board.dtb")); err != nil || string(got) != "old tree" {
		t.Errorf("old file: got %q, %v; want \"old tree\"", got, err)
	}
}

func TestFullFileSystemIsNamedWithNumbers(t *testing.T) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(t.TempDir(), &stat); err != nil {
		t.Fatal(err)
	}

	err := checkSpace(t.TempDir(), int64(stat.Blocks)*stat.Bsize+1)
	if !errors.Is(err, ErrNoSpace) || !strings.Contains(err.Error(), "bytes are free") {
		t.Errorf("got %v, want %v and %q", err, ErrNoSpace, "bytes are free")
	}
}
