// SPDX-License-Identifier: MPL-2.0

//go:build unix

package image

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Temp is a file in the temporary directory that has no name, and so is gone with the process.
func Temp() (*os.File, error) {
	f, err := os.CreateTemp("", "m6-")
	if err != nil {
		return nil, err
	}

	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}

	return f, nil
}

// nextData is the first place at or behind at that is no hole of a file; the file's size where there is none.
func nextData(f *os.File, at, size int64) int64 {
	data, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)

	switch {
	case errors.Is(err, unix.ENXIO):
		return size
	case err != nil: // a file system without holes
		return at
	}

	return data
}
