// SPDX-License-Identifier: MPL-2.0

// Package initramfs reads what system an initramfs has, in a process of its own: the libraries that read cpio and squashfs
// trust what a file says.
package initramfs

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/cavaliergopher/cpio"
	"github.com/diskfs/go-diskfs/filesystem/squashfs"
	"github.com/hashicorp/go-envparse"

	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect/diskfs"
)

// Rootfs is the system in an initramfs.
type Rootfs struct {
	// Name and Version are those of its os-release.
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	// Releases are the kernel releases it has modules for.
	Releases []string `json:"releases,omitempty"`
	// Modules counts them, Vermagic is what the first one is built for.
	Modules  int    `json:"modules"`
	Vermagic string `json:"vermagic,omitempty"`
	// Extensions are the system extensions beside it.
	Extensions []string `json:"extensions,omitempty"`
}

// maxRootfs is the largest root file system that is read, in bytes.
const maxRootfs = 2 << 30

// Decode reads an initramfs. Talos' has /init and /rootfs.sqsh.
func Decode(r io.Reader) (*Rootfs, error) {
	var (
		root    *Rootfs
		plugins []string
	)

	err := Files(r, func(h *cpio.Header, content io.Reader) error {
		name := Name(h)

		switch {
		case name == RootfsName:
			var err error
			if root, err = readSquash(content, h.Size); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		case strings.HasSuffix(name, Squashfs):
			plugins = append(plugins, strings.TrimSuffix(name, Squashfs))
		}

		return nil
	})
	if err != nil {
		return nil, err
	}

	if root == nil {
		return nil, ErrNoRootfs
	}

	root.Extensions = plugins

	return root, nil
}

// readSquash reads the root file system.
func readSquash(r io.Reader, size int64) (*Rootfs, error) {
	if size > maxRootfs {
		return nil, fmt.Errorf("%d bytes, more than the %d that are read", size, maxRootfs)
	}

	t, err := image.Temp()
	if err != nil {
		return nil, err
	}
	defer t.Close() // it has no name

	if n, err := io.CopyN(t, r, size); err != nil {
		return nil, fmt.Errorf("%d of %d bytes: %w", n, size, err)
	}

	root := &Rootfs{}

	return root, diskfs.Guard(func() error {
		f, err := squashfs.Read(diskfs.Storage{SectionReader: io.NewSectionReader(t, 0, size)}, size, 0, 0)
		if err != nil {
			return err
		}

		return root.read(f)
	})
}

// squash is what is asked of a squashfs.
type squash interface {
	ReadDir(string) ([]fs.DirEntry, error)
	ReadFile(string) ([]byte, error)
}

func (o *Rootfs) read(f squash) error {
	for _, p := range []string{"usr/lib/os-release", "etc/os-release"} {
		if b, err := f.ReadFile(p); err == nil {
			fields, err := envparse.Parse(bytes.NewReader(b))
			if err != nil {
				return fmt.Errorf("/%s: %w", p, err)
			}

			o.Name, o.Version = fields["NAME"], fields["VERSION_ID"]

			break
		}
	}

	releases, err := f.ReadDir("usr/lib/modules")
	if err != nil {
		return fmt.Errorf("/usr/lib/modules: %w", err)
	}

	for _, d := range releases {
		if !d.IsDir() {
			continue
		}

		o.Releases = append(o.Releases, d.Name())

		if err := o.modules(f, "usr/lib/modules/"+d.Name(), 0); err != nil {
			return err
		}
	}

	slices.Sort(o.Releases)

	return nil
}

// vermagic is the field of a module's .modinfo section that the kernel compares with its own.
var vermagic = regexp.MustCompile(`vermagic=([^\x00]+)`)

// modules counts modules below a directory, and looks into the first one.
func (o *Rootfs) modules(f squash, dir string, depth int) error {
	if depth > 16 {
		return fmt.Errorf("%s: directories within directories without end", dir)
	}

	list, err := f.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}

	for _, d := range list {
		p := dir + "/" + d.Name()

		if d.IsDir() {
			if err := o.modules(f, p, depth+1); err != nil {
				return err
			}

			continue
		}

		name, _, _ := strings.Cut(d.Name(), ".ko")
		if name == d.Name() {
			continue
		}

		o.Modules++

		if o.Vermagic != "" || o.Modules > 1 {
			continue
		}

		b, err := f.ReadFile(p)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}

		if s, err := image.Decode(bytes.NewReader(b), p); err == nil {
			if b, err = io.ReadAll(io.LimitReader(s, 64<<20)); err != nil {
				return err
			}
		}

		if m := vermagic.FindSubmatch(b); m != nil {
			o.Vermagic = strings.TrimSpace(string(m[1]))
		}
	}

	return nil
}
