// SPDX-License-Identifier: MPL-2.0

package disk

import (
	"errors"
	"fmt"
	"strings"
)

// Target is a disk of this machine.
type Target struct {
	// Path is "/dev/sdb", say.
	Path string `json:"path"`
	// Size is in bytes.
	Size      int64  `json:"size"`
	Model     string `json:"model,omitempty"`
	Serial    string `json:"serial,omitempty"`
	Transport string `json:"transport,omitempty"`
	Removable bool   `json:"removable"`
	ReadOnly  bool   `json:"readOnly,omitempty"`
	// SectorSize is in bytes.
	SectorSize int `json:"sectorSize"`
	// Uses say where it is mounted, and what else holds it.
	Uses []Use `json:"uses,omitempty"`
	// Content is what is on it, in a few words.
	Content []string `json:"content,omitempty"`
	// Known says that there is nothing on it that a person would miss: nothing, or Talos.
	Known bool `json:"known"`
	// Denied says that this user may not even read it.
	Denied bool `json:"denied,omitempty"`
}

// Use is what holds a disk.
type Use struct {
	// By is the disk or the partition of it.
	By string `json:"by"`
	// Mount is where it is mounted; "" where another device or swap holds it, which Holder then names.
	Mount  string `json:"mount,omitempty"`
	Holder string `json:"holder,omitempty"`
	// System says that this machine runs from it.
	System bool `json:"system,omitempty"`
}

func (u Use) String() string {
	if u.Mount != "" {
		return u.By + " is mounted at " + u.Mount
	}

	return u.By + " is used by " + u.Holder
}

// Refuse says why a disk must not be written to, or nil. force allows one with something unknown on it.
func (t Target) Refuse(imageSize int64, force bool) error {
	var errs []error

	add := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %w: "+format, append([]any{t.Path, ErrTarget}, args...)...))
	}

	for _, u := range t.Uses {
		switch {
		case u.System:
			add("this machine runs from it: %s", u)
		case u.Mount != "":
			add("%s: unmount it, or have it unmounted (--unmount)", u)
		default:
			add("%s: let go of it first", u)
		}
	}

	if t.ReadOnly {
		add("it is read-only (a write protect switch, or a worn-out card)")
	}

	if t.SectorSize != 512 {
		add("it has sectors of %d bytes: %w", t.SectorSize, ErrSectorSize)
	}

	if imageSize > t.Size {
		add("it has %d bytes, the image %d: %w", t.Size, imageSize, ErrTooSmall)
	}

	if t.Denied {
		add("you may not: %s", rightsHint)
	} else if !t.Known && !force {
		add("there is something on it that is not Talos': %s; to lose it, say so (--overwrite)", strings.Join(t.Content, ", "))
	}

	return errors.Join(errs...)
}
