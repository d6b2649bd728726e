// SPDX-License-Identifier: MPL-2.0

// Package oci makes OCI images of directories, bit-for-bit identical every time, and brings them to a registry.
package oci

import (
	"archive/tar"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"
)

// entry is a file or a symbolic link below a directory; folders follow from the paths.
type entry struct {
	path       string // slash-separated, relative
	file       string // where its bytes are
	size       int64
	executable bool
	link       string // target, for a symbolic link
	digest     [sha256.Size]byte
}

// same says whether two trees' entries give the same bytes in an image.
func (e entry) same(other entry) bool {
	e.file, other.file = "", ""

	return e == other
}

// readTree lists dir's files sorted by path. Anything but folders, files and symbolic links is an error.
func readTree(dir string) ([]entry, error) {
	var entries []entry

	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s: not a directory", dir)
	}

	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}

		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}

		e := entry{path: filepath.ToSlash(name), file: file}

		switch {
		case d.Type()&fs.ModeSymlink != 0:
			e.link, err = os.Readlink(file)
		case d.Type().IsRegular():
			err = e.measure()
		default:
			err = fmt.Errorf("%s: %s cannot go into an image: only files, folders and symbolic links can", file, d.Type())
		}

		entries = append(entries, e)

		return err
	})
	if err != nil {
		return nil, err
	}

	if len(entries) == 0 {
		return nil, fmt.Errorf("%s: no files to make an image of", dir)
	}

	slices.SortFunc(entries, func(a, b entry) int { return slices.Compare([]byte(a.path), []byte(b.path)) })

	return entries, nil
}

func (e *entry) measure() error {
	f, err := os.Open(e.file)
	if err != nil {
		return err
	}

	defer f.Close() // only read

	info, err := f.Stat()
	if err != nil {
		return err
	}

	hash := sha256.New()

	if e.size, err = io.Copy(hash, f); err != nil {
		return err
	}

	e.executable = info.Mode()&0o111 != 0
	e.digest = [sha256.Size]byte(hash.Sum(nil))

	return nil
}

// writeTar writes entries with the folders they need: owned by root, plain modes, all of one time, so that only names
// and contents count.
func writeTar(w io.Writer, entries []entry, modTime time.Time) error {
	out := tar.NewWriter(w)
	folders := map[string]bool{".": true}

	var addFolder func(string) error

	addFolder = func(folder string) error {
		if folders[folder] {
			return nil
		}

		if err := addFolder(path.Dir(folder)); err != nil {
			return err
		}

		folders[folder] = true

		return out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: folder + "/", Mode: 0o755, ModTime: modTime})
	}

	for _, e := range entries {
		if err := addFolder(path.Dir(e.path)); err != nil {
			return err
		}

		hdr := &tar.Header{Typeflag: tar.TypeReg, Name: e.path, Size: e.size, Mode: 0o644, ModTime: modTime}

		switch {
		case e.link != "":
			hdr.Typeflag, hdr.Linkname, hdr.Mode = tar.TypeSymlink, e.link, 0o777
		case e.executable:
			hdr.Mode = 0o755
		}

		if err := out.WriteHeader(hdr); err != nil {
			return fmt.Errorf("%s: %w", e.path, err)
		}

		if e.link == "" {
			if err := copyFile(out, e.file); err != nil {
				return fmt.Errorf("%s: %w", e.path, err)
			}
		}
	}

	return out.Close()
}

func copyFile(w io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}

	defer f.Close() // only read

	_, err = io.Copy(w, f)

	return err
}
