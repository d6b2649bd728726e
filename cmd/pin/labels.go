// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// labels gives the labels of the arm64 image of a reference by digest. What the registry answers is held to that digest, from
// the index down to the image's configuration.
func labels(ctx context.Context, reference string, options ...remote.Option) (map[string]string, error) {
	digest, err := name.NewDigest(reference)
	if err != nil {
		return nil, err
	}

	options = append(options, remote.WithContext(ctx), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: "arm64"}))

	image, err := remote.Image(digest, options...)
	if err != nil {
		return nil, err
	}

	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}

	return config.Config.Labels, nil
}
