// SPDX-License-Identifier: MPL-2.0

// Package diskfs hands file systems to go-diskfs, which expects them sound: it panics on some that are not.
package diskfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/diskfs/go-diskfs/backend"
)

// Guard makes a panic in a library that reads outside bytes an error.
func Guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it cannot be read: %v", p)
		}
	}()

	return f()
}

var errReadOnly = errors.New("opened for reading")

// Storage is a part of a disk as go-diskfs takes it, for reading only.
type Storage struct{ *io.SectionReader }

// Stat is not to be had of a part of a disk.
func (s Storage) Stat() (fs.FileInfo, error) { return nil, errReadOnly }

// Close does nothing: the disk is its opener's.
func (s Storage) Close() error { return nil }

// Sys is refused: there may be no file behind it.
func (s Storage) Sys() (*os.File, error) { return nil, errReadOnly }

// Writable is refused.
func (s Storage) Writable() (backend.WritableFile, error) { return nil, errReadOnly }

// Path is empty: a part of a disk has none.
func (s Storage) Path() string { return "" }
