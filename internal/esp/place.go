// SPDX-License-Identifier: MPL-2.0

// Package esp puts files onto the EFI partition.
package esp

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// tempSuffix ends the name of a file that is not whole yet.
const tempSuffix = ".new"

// ErrNoSpace is returned before anything is written.
var ErrNoSpace = errors.New("not enough space")

// Place writes a file below root (the mounted EFI partition, or the directory that becomes it) and says whether it had
// to: what is there already is not written again. The file has its name only once it is whole and on the disk.
//
// In the file's folder everything else that stale names is removed, and nothing else. Folders that are missing are made.
func Place(root, name string, data []byte, stale func(base string) bool) (written bool, err error) {
	file := filepath.Join(root, name)
	folder, base := filepath.Split(file)

	if err := makeFolders(root, filepath.Dir(name)); err != nil {
		return false, err
	}

	if err := removeStale(folder, base, stale); err != nil {
		return false, err
	}

	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, data) {
		return false, nil
	}

	if err := checkSpace(folder, int64(len(data))); err != nil {
		return false, fmt.Errorf("%s: %w", file, err)
	}

	temp := file + tempSuffix

	if err := writeTemp(temp, data); err != nil {
		return false, errors.Join(fmt.Errorf("%s: %w", temp, err), ignoreMissing(os.Remove(temp)))
	}

	if err := os.Rename(temp, file); err != nil {
		return false, errors.Join(err, ignoreMissing(os.Remove(temp)))
	}

	return true, syncFolder(folder)
}

// Check says why files could not be put below root, or nil, and changes nothing.
func Check(root string, files map[string][]byte) error {
	var need int64

	folder := root

	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := filepath.Join(root, name)

		st, err := os.Lstat(file)
		if err == nil && !st.Mode().IsRegular() {
			return fmt.Errorf("%s: neither a file nor free: %s", file, st.Mode().Type())
		}

		if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, files[name]) {
			continue
		}

		if folder, err = existing(filepath.Dir(file)); err != nil {
			return err
		}

		if err := unix.Access(folder, unix.W_OK|unix.X_OK); err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}

		need += int64(len(files[name]))
	}

	if need == 0 {
		return nil
	}

	if err := checkSpace(folder, need); err != nil {
		return fmt.Errorf("%s: %w", root, err)
	}

	return nil
}

// existing is the folder that is there already, of those that lead to one.
func existing(folder string) (string, error) {
	for {
		st, err := os.Stat(folder)

		switch {
		case err == nil && st.IsDir():
			return folder, nil
		case err == nil:
			return "", fmt.Errorf("%s: %w", folder, unix.ENOTDIR)
		case errors.Is(err, unix.ENOTDIR), errors.Is(err, fs.ErrNotExist) && folder != filepath.Dir(folder):
			folder = filepath.Dir(folder)
		default:
			return "", err
		}
	}
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}

	return err
}

// makeFolders makes what is missing below root with modes that do not depend on the umask.
func makeFolders(root, folder string) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}

	if folder == "." || folder == "/" {
		return nil
	}

	if err := makeFolders(root, filepath.Dir(folder)); err != nil {
		return err
	}

	path := filepath.Join(root, folder)

	switch err := os.Mkdir(path, 0o755); {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}

	return os.Chmod(path, 0o755)
}

// removeStale also removes a temporary file that a power cut left.
func removeStale(folder, base string, stale func(string) bool) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}

	for _, entry := range entries {
		name := entry.Name()

		if entry.Type().IsRegular() && name != base && (name == base+tempSuffix || stale(name)) {
			if err := os.Remove(filepath.Join(folder, name)); err != nil {
				return err
			}
		}
	}

	return nil
}

func checkSpace(folder string, size int64) error {
	var stat unix.Statfs_t

	if err := unix.Statfs(folder, &stat); err != nil {
		return err
	}

	// The old file stays until the new one is whole; one more block for the folder.
	need := (size/stat.Bsize + 2) * stat.Bsize
	if free := int64(stat.Bavail) * stat.Bsize; free < need {
		return fmt.Errorf("%w: %d bytes are free, %d are needed; remove what is not Talos' from the EFI partition", ErrNoSpace, free, need)
	}

	return nil
}

func writeTemp(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}

	_, err = f.Write(data)

	// The umask may have taken from the mode.
	err = errors.Join(err, f.Chmod(0o644), f.Sync())
	if err == nil {
		err = readBack(f, data)
	}

	return errors.Join(err, f.Close())
}

// readBack compares what the disk holds, not the page cache.
func readBack(f *os.File, data []byte) error {
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return err
	}

	back := make([]byte, len(data))
	if _, err := f.ReadAt(back, 0); err != nil {
		return fmt.Errorf("reading back: %w", err)
	}

	if !bytes.Equal(back, data) {
		return errors.New("read back other bytes than were written: the disk is failing")
	}

	return nil
}

func syncFolder(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}

	return errors.Join(f.Sync(), f.Close())
}
