// SPDX-License-Identifier: MPL-2.0

package image

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// Temp is a file in the temporary directory that is gone with its handle. It takes space only where it holds data.
func Temp() (*os.File, error) {
	f, err := os.CreateTemp("", "m6-")
	if err != nil {
		return nil, err
	}

	if err := f.Close(); err != nil {
		return nil, err
	}

	name, err := windows.UTF16PtrFromString(f.Name())
	if err != nil {
		return nil, err
	}

	h, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.FILE_SHARE_DELETE, nil, windows.OPEN_EXISTING,
		windows.FILE_ATTRIBUTE_TEMPORARY|windows.FILE_FLAG_DELETE_ON_CLOSE, 0)
	if err != nil {
		return nil, errors.Join(err, os.Remove(f.Name()))
	}

	// A file system without holes takes the zeros as well.
	var n uint32
	_ = windows.DeviceIoControl(h, windows.FSCTL_SET_SPARSE, nil, 0, nil, 0, &n, nil)

	return os.NewFile(uintptr(h), f.Name()), nil
}

// nextData does not ask for holes: reading them is as fast.
func nextData(_ *os.File, at, _ int64) int64 { return at }
