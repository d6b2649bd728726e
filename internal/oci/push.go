// SPDX-License-Identifier: MPL-2.0

package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// PushOptions say how an image layout is pushed.
type PushOptions struct {
	// Repository is where to: "registry.example/project/overlay", without a tag.
	Repository string
	// Tags are set once all is there. Without any, the image is known by its digest alone.
	Tags []string
	// Insecure allows plain HTTP; registries on loopback addresses need no leave.
	Insecure bool
	// Attempts is how often a request is tried, Wait how long after the first failure; it doubles.
	Attempts int
	Wait     time.Duration
	// Progress, where set, is told how many bytes of all are there.
	Progress func(complete, total int64)
}

// retriedStatus are the answers of a registry that may be another one the next time.
var retriedStatus = []int{
	http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
	http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// Push brings the image index of an OCI layout, and all that belongs to it, to a registry, and gives the reference by
// digest. Credentials come from where Docker keeps them (DOCKER_CONFIG, or ~/.docker/config.json, with its helpers).
//
// Blobs that are there already are not sent again. Tags are moved last, so that whoever pulls one gets a whole image.
func Push(ctx context.Context, dir string, options PushOptions) (string, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return "", fmt.Errorf("%s: not an OCI image layout: %w", dir, err)
	}

	if err := validate.Index(index); err != nil {
		return "", fmt.Errorf("%s is damaged: %w", dir, err)
	}

	digest, err := index.Digest()
	if err != nil {
		return "", err
	}

	var nameOptions []name.Option
	if options.Insecure {
		nameOptions = append(nameOptions, name.Insecure)
	}

	repository, err := name.NewRepository(options.Repository, append(nameOptions, name.StrictValidation)...)
	if err != nil {
		return "", fmt.Errorf("repository %q (without tag or digest): %w", options.Repository, err)
	}

	tags := make([]name.Tag, 0, len(options.Tags))

	for _, tag := range options.Tags {
		ref, err := name.NewTag(options.Repository+":"+tag, nameOptions...)
		if err != nil {
			return "", fmt.Errorf("tag %q: %w", tag, err)
		}

		tags = append(tags, ref)
	}

	byDigest := repository.Digest(digest.String())
	remoteOptions := []remote.Option{
		remote.WithContext(ctx),
		remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithRetryBackoff(remote.Backoff{Duration: options.Wait, Factor: 2, Jitter: 0.1, Steps: options.Attempts}),
		remote.WithRetryPredicate(temporary),
		remote.WithRetryStatusCodes(retriedStatus...),
	}

	if err := writeIndex(byDigest, index, options.Progress, remoteOptions); err != nil {
		return "", fmt.Errorf("push %s: %w", byDigest, err)
	}

	for _, tag := range tags {
		if err := remote.Tag(tag, index, remoteOptions...); err != nil {
			return "", fmt.Errorf("tag %s: %w", tag, err)
		}

		there, err := remote.Head(tag, remoteOptions...)
		if err != nil {
			return "", fmt.Errorf("tag %s: asking for it: %w", tag, err)
		}

		if there.Digest != digest {
			return "", fmt.Errorf("tag %s is %s at the registry, not %s: somebody else pushed it", tag, there.Digest, digest)
		}
	}

	return byDigest.String(), nil
}

// temporary says whether an error of the connection may be gone the next time.
func temporary(err error) bool {
	return err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) &&
		(errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || isTemporary(err))
}

func isTemporary(err error) bool {
	var network interface{ Temporary() bool }

	return errors.As(err, &network) && network.Temporary()
}

func writeIndex(ref name.Reference, index v1.ImageIndex, progress func(complete, total int64), options []remote.Option) error {
	if progress == nil {
		return remote.WriteIndex(ref, index, options...)
	}

	updates := make(chan v1.Update, 16)
	done := make(chan struct{})

	go func() {
		defer close(done)

		for update := range updates {
			if update.Error == nil {
				progress(update.Complete, update.Total)
			}
		}
	}()

	// It closes the channel.
	err := remote.WriteIndex(ref, index, append(options, remote.WithProgress(updates))...)
	<-done

	return err
}
