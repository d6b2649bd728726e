// SPDX-License-Identifier: MPL-2.0

package oci

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Settle copies an archive of one image (docker save) to another file, with created as the only time in the image's
// configuration and history. Layers keep their bytes; the archive's own entries have no time. After an error there is no
// such file.
func Settle(archive, output string, created time.Time) (err error) {
	manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(archive) })
	if err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}

	image, err := tarball.ImageFromPath(archive, nil) // refuses an archive of several images
	if err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}

	config, err := image.ConfigFile()
	if err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}

	config = config.DeepCopy()
	config.Created = v1.Time{Time: created}

	for step := range config.History {
		config.History[step].Created = config.Created
	}

	if image, err = mutate.ConfigFile(image, config); err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}

	images := map[name.Reference]v1.Image{}

	for _, tag := range manifest[0].RepoTags {
		reference, err := name.NewTag(tag)
		if err != nil {
			return fmt.Errorf("%s: %w", archive, err)
		}

		images[reference] = image
	}

	if len(images) == 0 {
		return fmt.Errorf("%s: its image has no name: docker load would not find it", archive)
	}

	f, err := os.Create(output)
	if err != nil {
		return err
	}

	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", output, err), os.Remove(output))
		}
	}()

	return tarball.MultiRefWrite(images, f)
}
