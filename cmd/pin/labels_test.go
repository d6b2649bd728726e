// SPDX-License-Identifier: MPL-2.0

package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// serve is a registry with an index of two images, whose labels name their platforms. What lies is served in place of the
// arm64 image's configuration, unless it is empty.
func serve(t *testing.T, lies string) string {
	t.Helper()

	var config string

	good := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if lies != "" && config != "" && strings.HasSuffix(r.URL.Path, config) {
			_, _ = io.WriteString(w, lies)

			return
		}

		good.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)

	reference, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://") + "/base:v1.10.9")
	if err != nil {
		t.Fatal(err)
	}

	index := v1.ImageIndex(empty.Index)
	arm64 := ""

	for _, architecture := range []string{"amd64", "arm64"} {
		image, err := mutate.Config(empty.Image, v1.Config{Labels: map[string]string{versionLabel: architecture}})
		if err != nil {
			t.Fatal(err)
		}

		digest, err := image.ConfigName()
		if err != nil {
			t.Fatal(err)
		}

		arm64 = digest.String()
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}},
		})
	}

	if err := remote.WriteIndex(reference, index); err != nil {
		t.Fatal(err)
	}

	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}

	config = arm64

	return reference.Context().Digest(digest.String()).String()
}

func TestLabelsAreTheARM64ImagesOfTheDigest(t *testing.T) {
	got, err := labels(t.Context(), serve(t, ""))
	if err != nil {
		t.Fatal(err)
	}

	if got[versionLabel] != "arm64" {
		t.Errorf("got %v, want the arm64 image's", got)
	}
}

func TestARegistryThatServesOtherLabelsIsFound(t *testing.T) {
	got, err := labels(t.Context(), serve(t, `{"config": {"Labels": {"alpha.talos.dev/version": "v1.10.9"}}}`))
	if err == nil {
		t.Errorf("got %v, want an error: it is not what the digest names", got)
	}
}

func TestLabelsAreAskedForByDigestAlone(t *testing.T) {
	if got, err := labels(t.Context(), "example.org/base:v1.10.9"); err == nil {
		t.Errorf("got %v of a tag, want an error", got)
	}
}
