// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// release is an entry of the table: the SHA-256 of each asset in hexadecimal, by the asset's name, and what is said below
// other names. Nix reads it (nix/talos/release.nix).
type release map[string]any

const (
	// provenanceKey says what was verified, and when.
	provenanceKey = "provenance"
	// baseKey has the installer base: imageDigest, sha256 (of what nixpkgs' dockerTools pulls) and provenance.
	baseKey = "installerBase"
)

// table is all of them by version.
type table map[string]release

func readTable(path string) (table, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: run it in a clone of the repository", err)
	}

	if err != nil {
		return nil, err
	}

	t := table{}
	if err := json.Unmarshal(b, &t); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}

	return t, nil
}

// write replaces the table's file as a whole: whatever happens, it is the old one or the new one.
func (t table) write(path string) error {
	var b bytes.Buffer

	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")

	if err := e.Encode(t); err != nil {
		return err
	}

	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it is gone when all went well

	_, err = f.Write(b.Bytes())
	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}

	return os.Rename(f.Name(), path)
}
