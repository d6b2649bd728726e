// SPDX-License-Identifier: MPL-2.0

// Package verify says whether a NanoPi M6 would start a disk image, a block device or what an image is made of, as a list
// of named checks.
package verify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect"
)

// Status is a check's outcome.
type Status string

// A check passes, or fails because the board would not start the image or could not be trusted to, or warns of what a
// person should know.
const (
	Pass Status = "pass"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Reason says what was found; for a failure, what it means.
	Reason string `json:"reason"`
}

// Result is what a verification found.
type Result struct {
	Source string  `json:"source"`
	Passed bool    `json:"passed"`
	Checks []Check `json:"checks"`
	// Report is what the checks looked at.
	Report *inspect.Report `json:"-"`
}

// Options change what is expected.
type Options struct {
	// Manifest is the path of the manifest.json the image was published with; "" takes the one beside the image if there is
	// one, and "-" none.
	Manifest string
	// Key is the path of a public key (PEM): the manifest has to be signed with the private one, in a bundle beside it.
	Key string
	// AllowStandIn makes a missing DDR blob a warning: an image for QEMU needs none.
	AllowStandIn bool
	// LoaderElsewhere says that the board's boot loader is on another medium, so that none is expected here.
	LoaderElsewhere bool
}

// list collects checks.
type list struct {
	checks []Check
}

func (l *list) add(name string, s Status, format string, args ...any) {
	l.checks = append(l.checks, Check{name, s, fmt.Sprintf(format, args...)})
}

// expect passes or fails by a condition.
func (l *list) expect(name string, ok bool, pass, fail string) {
	if ok {
		l.add(name, Pass, "%s", pass)
	} else {
		l.add(name, Fail, "%s", fail)
	}
}

// Path verifies what is at a path. An error means that it could not be looked at, or is nothing that is understood.
func Path(ctx context.Context, path string, o Options) (*Result, error) {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		r, err := inspect.Path(ctx, path)
		if err != nil {
			return nil, err
		}

		return o.judge(r, nil), nil
	}

	r, d, err := Open(ctx, path, o)
	if err != nil {
		return nil, err
	}

	return r, d.Close()
}

// Open verifies an image, a device or an artifact, and gives it open, decoded if it was compressed, for what comes next.
func Open(ctx context.Context, path string, o Options) (*Result, *image.Disk, error) {
	m, foreign, err := o.manifest(path)
	if err != nil {
		return nil, nil, err
	}

	sums := m.sums()

	d, err := image.OpenDisk(ctx, path, sums.options()...)
	if err != nil {
		return nil, nil, err
	}

	sums.start(ctx, d)

	r, err := inspect.Disk(ctx, d)
	if serr := sums.wait(); serr != nil {
		err = errors.Join(err, fmt.Errorf("%s: %w", path, serr))
	}

	if err != nil {
		return nil, nil, errors.Join(err, d.Close())
	}

	return o.judge(r, &compared{ctx, m, foreign, sums, d}), d, nil
}

// Disk verifies an open disk, without a manifest.
func Disk(ctx context.Context, d *image.Disk, o Options) (*Result, error) {
	r, err := inspect.Disk(ctx, d)
	if err != nil {
		return nil, err
	}

	return o.judge(r, nil), nil
}

// judge runs the checks that fit what was found.
func (o Options) judge(r *inspect.Report, c *compared) *Result {
	l := &list{}

	switch r.Kind {
	case inspect.KindDisk, inspect.KindDevice:
		if r.Loader != nil || !o.LoaderElsewhere {
			l.loader(r.Loader, o)
		}

		l.disk(r)
	case inspect.KindLoader, inspect.KindSPILoader:
		l.loader(r.Loader, o)
	case inspect.KindIDBlock, inspect.KindFIT:
		l.part(r)
	case inspect.KindDeviceTree:
		l.tree("device tree", *r.DeviceTree, "")
	case inspect.KindKernel:
		l.kernel(r.Kernel)
	case inspect.KindOverlay:
		l.overlay(r.Overlay, o)
	case inspect.KindUnknown:
	}

	if c != nil {
		c.check(l, r)
	}

	o.signature(l, c)

	result := &Result{Source: r.Source, Passed: true, Checks: l.checks, Report: r}
	for _, c := range l.checks {
		result.Passed = result.Passed && c.Status != Fail
	}

	return result
}

// manifest finds and reads the manifest that belongs to a path. It says what is wrong with one that only lies beside it.
func (o Options) manifest(path string) (m *Manifest, foreign string, err error) {
	switch o.Manifest {
	case "-":
		return nil, "", nil
	case "":
		beside := filepath.Join(filepath.Dir(path), "manifest.json")

		if st, err := os.Stat(beside); err != nil || !st.Mode().IsRegular() {
			return nil, "", nil // none is not an error
		}

		m, err := readManifest(beside)
		if err != nil {
			return nil, err.Error(), nil // other programs write files of that name, too
		}

		if m.Image.File != filepath.Base(path) { // another image's
			return nil, "", nil
		}

		return m, "", nil
	}

	m, err = readManifest(o.Manifest)

	return m, "", err
}
