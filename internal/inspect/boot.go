// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect/grub"
	"talos-nanopi-m6/internal/inspect/initramfs"
	"talos-nanopi-m6/internal/inspect/kernel"
	"talos-nanopi-m6/internal/inspect/xfs"
)

// Boot is the BOOT partition: what GRUB reads.
type Boot struct {
	Entries []grub.Entry `json:"entries,omitempty"`
	// NumberedDisk is a disk that GRUB's configuration names by number.
	NumberedDisk string `json:"numberedDisk,omitempty"`
	// Unjudged says what in GRUB's configuration is not as Talos writes it, so that nobody knows what GRUB would do.
	Unjudged string `json:"unjudged,omitempty"`
	Files    []File `json:"files,omitempty"`
	// Kernel and Rootfs are the default entry's.
	Kernel *kernel.Image     `json:"kernel,omitempty"`
	Rootfs *initramfs.Rootfs `json:"rootfs,omitempty"`
	// Consistent says that all of the file system's metadata was read and checked.
	Consistent bool `json:"consistent"`
	// NewerThanGRUB are the file system's features for which GRUB 2.12 and older refuse it.
	NewerThanGRUB []string `json:"newerThanGRUB,omitempty"`
	// Problems say what is wrong and what is missing.
	Problems []string `json:"problems,omitempty"`
}

// grubConfig is where Talos keeps GRUB's configuration on the BOOT partition.
const grubConfig = "grub/grub.cfg"

// maxPaths is how long the paths of all files may be together, in bytes. BOOT has a few kilobytes.
var maxPaths = 4 << 20

// maxConfig is the largest configuration that is read, in bytes.
const maxConfig = 1 << 20

// readBoot reads a BOOT partition.
func readBoot(ctx context.Context, r io.ReaderAt, size int64) *Boot {
	b := &Boot{}
	note := func(err error) {
		if err != nil {
			b.Problems = append(b.Problems, err.Error())
		}
	}

	f, err := xfs.Open(r, size)
	if err != nil {
		note(err)

		return b
	}

	b.NewerThanGRUB = f.NewerThanGRUB()
	err = f.Check()
	b.Consistent = err == nil

	note(err)

	if err != nil { // it may have no end
		return b
	}

	room := maxPaths

	note(fs.WalkDir(f, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}

		// Of directories too: what is below them has their names before its own.
		if room -= len(p); room < 0 {
			return fmt.Errorf("the names of its files have more than the %d bytes that are read", maxPaths)
		}

		if d.IsDir() {
			return nil
		}

		st, err := d.Info()
		if err == nil {
			b.Files = append(b.Files, File{Path: p, Size: st.Size()})
		}

		return err
	}))

	config, err := readFile(f, grubConfig, maxConfig)
	if err != nil {
		note(err)

		return b
	}

	b.NumberedDisk = grub.NumberedDisk(string(config))

	if b.Entries, err = grub.Parse(string(config)); err != nil {
		b.Unjudged = err.Error()
	}

	for _, e := range b.Entries {
		if !e.Default {
			continue
		}

		if k, err := readKernel(f, strings.TrimPrefix(e.Kernel, "/")); err != nil {
			note(fmt.Errorf("kernel of %q: %w", e.Name, err))
		} else {
			k.Path = e.Kernel
			b.Kernel = &k
		}

		if b.Rootfs, err = readInitrd(ctx, f, strings.TrimPrefix(e.Initrd, "/")); err != nil {
			note(fmt.Errorf("initramfs of %q: %w", e.Name, err))
		}

		return b
	}

	note(errors.New("GRUB has no default entry"))

	return b
}

// readKernel reads a kernel where it lies.
func readKernel(f *xfs.FS, p string) (kernel.Image, error) {
	o, err := f.Open(p)
	if err != nil {
		return kernel.Image{}, err
	}
	defer o.Close() // read only

	st, err := o.Stat()
	if err != nil {
		return kernel.Image{}, err
	}

	r, ok := o.(io.ReaderAt)
	if !ok {
		return kernel.Image{}, &fs.PathError{Op: "read", Path: p, Err: fs.ErrInvalid} // a directory
	}

	return kernel.Read(r, st.Size()), nil
}

// readFile reads a file of at most limit bytes.
func readFile(f fs.FS, p string, limit int64) ([]byte, error) {
	o, err := f.Open(p)
	if err != nil {
		return nil, err
	}
	defer o.Close() // read only

	st, err := o.Stat()
	if err != nil {
		return nil, err
	}

	if st.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes, more than the %d that are read", p, st.Size(), limit)
	}

	b := make([]byte, st.Size())
	_, err = io.ReadFull(o, b)

	return b, err
}

// maxInitrd is the largest initramfs that is read, in bytes.
const maxInitrd = 1 << 30

// readInitrd reads an initramfs, in a process of its own.
func readInitrd(ctx context.Context, f fs.FS, p string) (*initramfs.Rootfs, error) {
	o, err := f.Open(p)
	if err != nil {
		return nil, err
	}
	defer o.Close() // read only

	if st, err := o.Stat(); err != nil || st.Size() > maxInitrd {
		return nil, fmt.Errorf("%s: more than the %d bytes that are read: %w", p, maxInitrd, err)
	}

	t, err := image.Temp()
	if err != nil {
		return nil, err
	}
	defer t.Close() // it has no name

	if _, err := io.Copy(t, o); err != nil {
		return nil, err
	}

	return initramfs.Read(ctx, t)
}
