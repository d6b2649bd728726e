// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"talos-nanopi-m6/internal/inspect/loader"
	"talos-nanopi-m6/internal/rockchip"
)

// Overlay is a Talos overlay: a directory, or an OCI layout with one image for each platform.
type Overlay struct {
	// Layout is "directory" or "OCI".
	Layout string         `json:"layout"`
	Images []OverlayImage `json:"images"`
}

// OverlayImage is what an overlay has for a platform.
type OverlayImage struct {
	// Platform is "linux/amd64", say; empty for a directory. Digest is the image's.
	Platform    string                   `json:"platform,omitempty"`
	Digest      string                   `json:"digest,omitempty"`
	Annotations map[string]string        `json:"annotations,omitempty"`
	Files       []File                   `json:"files"`
	Installers  []string                 `json:"installers,omitempty"`
	Profiles    []string                 `json:"profiles,omitempty"`
	DeviceTrees []DeviceTree             `json:"deviceTrees,omitempty"`
	Loaders     map[string]loader.Loader `json:"loaders,omitempty"`
	Problems    []string                 `json:"problems,omitempty"`
}

// Limits on an overlay: bytes of one file and number of files.
const (
	maxOverlayFile  = 64 << 20
	maxOverlayFiles = 10_000
)

// ErrNoOverlay says that a directory is not an overlay.
var ErrNoOverlay = errors.New("neither an overlay (installers/, profiles/, artifacts/) nor an OCI layout")

// readOverlay reads an overlay from a directory.
func readOverlay(dir string) (*Overlay, error) {
	if _, err := os.Stat(path.Join(dir, "oci-layout")); err == nil {
		return readLayout(dir)
	}

	if st, err := os.Stat(path.Join(dir, "installers")); err != nil || !st.IsDir() {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoOverlay)
	}

	i := OverlayImage{}
	root := os.DirFS(dir)

	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}

		st, err := d.Info()
		if err != nil {
			return err
		}

		f, err := root.Open(p)
		if err != nil {
			return err
		}
		defer f.Close() // read only

		return i.add(p, st.Size(), f)
	})

	i.sort()

	return &Overlay{Layout: "directory", Images: []OverlayImage{i}}, err
}

// readLayout reads an OCI image layout; the library checks every blob's digest as it is read.
func readLayout(dir string) (*Overlay, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}

	o := &Overlay{Layout: "OCI"}

	if err := o.index(index, 0); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}

	if len(o.Images) == 0 {
		return nil, fmt.Errorf("%s: no image in it", dir)
	}

	return o, nil
}

func (o *Overlay) index(index v1.ImageIndex, depth int) error {
	m, err := index.IndexManifest()
	if err != nil {
		return err
	}

	if depth > 4 || len(o.Images) > 64 {
		return errors.New("an index within an index without end")
	}

	for _, d := range m.Manifests {
		switch {
		case d.MediaType.IsIndex():
			child, err := index.ImageIndex(d.Digest)
			if err != nil {
				return err
			}

			if err := o.index(child, depth+1); err != nil {
				return err
			}
		case d.MediaType.IsImage():
			child, err := index.Image(d.Digest)
			if err != nil {
				return err
			}

			i := OverlayImage{Digest: d.Digest.String()}
			if d.Platform != nil {
				i.Platform = d.Platform.String()
			}

			if err := i.image(child); err != nil {
				return fmt.Errorf("%s %s: %w", i.Platform, i.Digest, err)
			}

			o.Images = append(o.Images, i)
		}
	}

	return nil
}

func (i *OverlayImage) image(img v1.Image) error {
	m, err := img.Manifest()
	if err != nil {
		return err
	}

	i.Annotations = m.Annotations

	r := mutate.Extract(img)
	defer r.Close() // the error is read's

	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			i.sort()

			return nil
		}

		if err != nil {
			return err
		}

		if h.Typeflag != tar.TypeReg {
			continue
		}

		if err := i.add(strings.TrimPrefix(path.Clean("/"+h.Name), "/"), h.Size, t); err != nil {
			return err
		}
	}
}

// add takes a file over, and looks into what the board reads.
func (i *OverlayImage) add(p string, size int64, r io.Reader) error {
	if size > maxOverlayFile || len(i.Files) == maxOverlayFiles {
		return fmt.Errorf("%s: %d bytes, file %d; read are %d bytes of a file, %d files", p, size, len(i.Files)+1, maxOverlayFile, maxOverlayFiles)
	}

	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}

	i.Files = append(i.Files, File{p, size, digest(b)})

	switch dir, name := path.Split(p); {
	case dir == "installers/":
		i.Installers = append(i.Installers, name)
	case dir == "profiles/":
		i.Profiles = append(i.Profiles, name)
	case strings.HasSuffix(name, ".dtb"):
		t := readDeviceTree(b)
		t.Path = p
		i.DeviceTrees = append(i.DeviceTrees, t)
	case strings.HasPrefix(name, "u-boot-rockchip") && strings.HasSuffix(name, ".bin"):
		layout := rockchip.MMC
		if name == rockchip.SPI.File {
			layout = rockchip.SPI
		}

		l := loader.ReadFile(bytes.NewReader(b), layout)
		if l == nil {
			i.Problems = append(i.Problems, p+": no boot loader")

			return nil
		}

		if i.Loaders == nil {
			i.Loaders = map[string]loader.Loader{}
		}

		i.Loaders[p] = *l
	}

	return nil
}

func (i *OverlayImage) sort() {
	slices.SortFunc(i.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	slices.Sort(i.Installers)
	slices.Sort(i.Profiles)
	slices.SortFunc(i.DeviceTrees, func(a, b DeviceTree) int { return strings.Compare(a.Path, b.Path) })
}
