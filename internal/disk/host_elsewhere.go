// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package disk

import (
	"errors"
	"io/fs"
)

// described is what hosts have in common whose system tells of a disk (describe), without its content.
type described struct{}

// Of implements Host.
func (described) Of(d *Disk) (Target, error) {
	t := Target{Path: d.path, Size: d.size, SectorSize: d.sector, Known: !d.block}
	if !d.block {
		return t, nil
	}

	if err := describe(&t); err != nil {
		return t, err
	}

	d.tell(&t)

	return t, nil
}

// target is the disk of a path, called name, and what is on it as far as this user may read it.
func (described) target(path, name string) (Target, error) {
	t := Target{Path: name}
	if err := describe(&t); err != nil {
		return t, err
	}

	d, err := Read(path)
	if err != nil {
		t.Denied = errors.Is(err, fs.ErrPermission)
		t.Content = append(t.Content, "cannot be read: "+err.Error())

		return t, nil
	}
	defer d.Close() // read only

	d.tell(&t)

	return t, nil
}

// tell fills in what only an open disk knows.
func (d *Disk) tell(t *Target) {
	t.Size, t.SectorSize = d.size, d.sector
	content(t, d)
}
