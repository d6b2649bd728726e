// SPDX-License-Identifier: MPL-2.0

package oci

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// ImageOptions say what images hold beside files.
type ImageOptions struct {
	// Annotations go onto the index and each image, and into each image's configuration as labels.
	Annotations map[string]string
	// Entrypoint is the program that a container of the image runs, and its first arguments. None for an image that is
	// only unpacked, or whose users all name the program.
	Entrypoint []string
	// Created is the only time that stands anywhere.
	Created time.Time
}

// Index makes an image index of one directory for each platform ("linux/arm64" to directory). Files that every platform
// has alike are one layer that all images share; what differs is a second layer.
func Index(dirs map[string]string, options ImageOptions) (v1.ImageIndex, error) {
	trees := map[string][]entry{}

	for platform, dir := range dirs {
		tree, err := readTree(dir)
		if err != nil {
			return nil, err
		}

		trees[platform] = tree
	}

	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)

	for _, platform := range slices.Sorted(maps.Keys(trees)) {
		target, err := v1.ParsePlatform(platform)
		if err != nil {
			return nil, fmt.Errorf("platform %q: %w", platform, err)
		}

		if target.OS == "" || target.Architecture == "" {
			return nil, fmt.Errorf("platform %q is not like linux/arm64", platform)
		}

		var shared, own []entry

		for _, e := range trees[platform] {
			if len(trees) > 1 && everyTreeHas(trees, e) {
				shared = append(shared, e)
			} else {
				own = append(own, e)
			}
		}

		image, err := image(*target, options, shared, own)
		if err != nil {
			return nil, fmt.Errorf("platform %s: %w", platform, err)
		}

		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: target}})
	}

	return mutate.Annotations(index, options.Annotations).(v1.ImageIndex), nil
}

func everyTreeHas(trees map[string][]entry, e entry) bool {
	for _, tree := range trees {
		if !slices.ContainsFunc(tree, e.same) {
			return false
		}
	}

	return true
}

func image(platform v1.Platform, options ImageOptions, layers ...[]entry) (v1.Image, error) {
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS:           platform.OS,
		Architecture: platform.Architecture,
		Variant:      platform.Variant,
		Created:      v1.Time{Time: options.Created},
		RootFS:       v1.RootFS{Type: "layers"},
		Config:       v1.Config{Labels: options.Annotations, Entrypoint: options.Entrypoint},
	})
	if err != nil {
		return nil, err
	}

	image = mutate.ConfigMediaType(mutate.MediaType(image, types.OCIManifestSchema1), types.OCIConfigJSON)

	for _, entries := range layers {
		if len(entries) == 0 {
			continue
		}

		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
			r, w := io.Pipe()

			go func() { w.CloseWithError(writeTar(w, entries, options.Created)) }()

			return r, nil
		}, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return nil, err
		}

		if image, err = mutate.AppendLayers(image, layer); err != nil {
			return nil, err
		}
	}

	return mutate.Annotations(image, options.Annotations).(v1.Image), nil
}

// WriteLayout writes index as an OCI image layout: the directory must not exist, and does not exist after an error.
func WriteLayout(dir string, index v1.ImageIndex) error {
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("%s exists: remove it or name another directory", dir)
	}

	temp, err := os.MkdirTemp(filepath.Dir(dir), ".oci-layout-")
	if err != nil {
		return err
	}

	defer os.RemoveAll(temp) // nothing is left of it after the rename

	if _, err := layout.Write(temp, index); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}

	// MkdirTemp and layout.Write leave modes that depend on neither's user: make them the same everywhere.
	if err := filepath.WalkDir(temp, plainMode); err != nil {
		return err
	}

	return os.Rename(temp, dir)
}

func plainMode(name string, d os.DirEntry, err error) error {
	switch {
	case err != nil:
		return err
	case d.IsDir():
		return os.Chmod(name, 0o755)
	default:
		return os.Chmod(name, 0o644)
	}
}
