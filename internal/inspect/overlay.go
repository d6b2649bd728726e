// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
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

	"talos-nanopi-m6/internal/image"
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

	// bytes is how many the files have.
	bytes int64
}

// Limits on an overlay: bytes of all files together, of one that is looked into, and of the documents that describe an OCI image;
// and how many files and directories, the paths of which have at most 4096 bytes (PATH_MAX).
const (
	maxOverlay         = 512 << 20
	maxOverlayLoader   = 16 << 20
	maxOverlayDocument = 1 << 20
	maxOverlayFiles    = 10_000
	maxOverlayPath     = 4096
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
	if err := small(path.Join(dir, "index.json")); err != nil {
		return nil, err
	}

	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}

	o := &Overlay{Layout: "OCI"}

	if err := o.index(dir, index, 0); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}

	if len(o.Images) == 0 {
		return nil, fmt.Errorf("%s: no image in it", dir)
	}

	return o, nil
}

// small refuses a document that the library would read whole.
func small(file string) error {
	if st, err := os.Stat(file); err == nil && (st.Size() > maxOverlayDocument || !st.Mode().IsRegular()) {
		return fmt.Errorf("%s: %d bytes, more than the %d that are read", file, st.Size(), maxOverlayDocument)
	}

	return nil
}

// blob is where a layout has what a digest names.
func blob(dir string, digest v1.Hash) string {
	return path.Join(dir, "blobs", digest.Algorithm, digest.Hex)
}

func (o *Overlay) index(dir string, index v1.ImageIndex, depth int) error {
	m, err := index.IndexManifest()
	if err != nil {
		return err
	}

	if depth > 4 || len(o.Images) > 64 {
		return errors.New("an index within an index without end")
	}

	for _, d := range m.Manifests {
		if err := small(blob(dir, d.Digest)); err != nil {
			return err
		}

		switch {
		case d.MediaType.IsIndex():
			child, err := index.ImageIndex(d.Digest)
			if err != nil {
				return err
			}

			if err := o.index(dir, child, depth+1); err != nil {
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

			if err := i.image(dir, child); err != nil {
				return fmt.Errorf("%s %s: %w", i.Platform, i.Digest, err)
			}

			o.Images = append(o.Images, i)
		}
	}

	return nil
}

func (i *OverlayImage) image(dir string, img v1.Image) error {
	m, err := img.Manifest()
	if err != nil {
		return err
	}

	if err := small(blob(dir, m.Config.Digest)); err != nil {
		return err
	}

	i.Annotations = m.Annotations

	layers, err := img.Layers()
	if err != nil {
		return err
	}

	seen := map[string]bool{}

	// What a later layer has counts.
	for _, layer := range slices.Backward(layers) {
		if err := i.layer(layer, seen); err != nil {
			return err
		}
	}

	i.sort()

	return nil
}

// layer adds the files of a layer that no later one has: `seen`. Why not go-containerregistry's mutate.Extract: it remembers
// every name, files that are taken away too, and has zstd take whatever window the archive asks for. An archive from anywhere
// would decide how much memory that is.
func (i *OverlayImage) layer(layer v1.Layer, seen map[string]bool) error {
	packed, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer packed.Close() // read only

	r, end, err := unpack(packed)
	if err != nil {
		return err
	}
	defer end()

	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}

		if err != nil {
			return err
		}

		p := strings.TrimPrefix(path.Clean("/"+h.Name), "/")

		switch {
		case strings.HasPrefix(path.Base(p), ".wh."):
			return fmt.Errorf("%s takes a file of another layer away: overlays have none of that kind", p)
		case seen[p]:
			continue
		case len(seen) == maxOverlayFiles:
			return fmt.Errorf("more than the %d files and directories that are read", maxOverlayFiles)
		}

		seen[p] = true

		if h.Typeflag != tar.TypeReg {
			continue
		}

		if err := i.add(p, h.Size, t); err != nil {
			return err
		}
	}
}

// unpack decodes a layer. The function it gives frees the decoder.
func unpack(r io.Reader) (io.Reader, func(), error) {
	buffered := bufio.NewReaderSize(r, 1<<20)

	switch magic, _ := buffered.Peek(4); {
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		d, err := gzip.NewReader(buffered)

		return d, func() {}, err
	case image.Detect(magic) == image.Zstd:
		d, err := image.Decode(buffered, "a layer")
		if err != nil {
			return nil, nil, err
		}

		return d, func() { _ = d.Close() }, nil // decoders alone
	}

	return buffered, func() {}, nil
}

// add takes a file over, and looks into what the board reads.
func (i *OverlayImage) add(p string, size int64, r io.Reader) error {
	if i.bytes += size; i.bytes > maxOverlay || len(i.Files) == maxOverlayFiles || len(p) > maxOverlayPath {
		return fmt.Errorf("%.80s: with it there are %d files of %d bytes together; read are %d files of %d bytes, with paths of %d bytes", p, len(i.Files)+1, i.bytes, maxOverlayFiles, maxOverlay, maxOverlayPath)
	}

	content := keep(maxOverlayLoader)
	if n, err := io.Copy(content, io.LimitReader(r, size)); err != nil || n < size {
		return fmt.Errorf("%s: %d of %d bytes: %w", p, n, size, errors.Join(err, io.ErrUnexpectedEOF))
	}

	i.Files = append(i.Files, File{p, size, content.digest()})
	b := content.b

	switch dir, name := path.Split(p); {
	case dir == "installers/":
		i.Installers = append(i.Installers, name)
	case dir == "profiles/":
		i.Profiles = append(i.Profiles, name)
	case size > maxOverlayLoader:
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
