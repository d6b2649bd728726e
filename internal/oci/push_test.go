// SPDX-License-Identifier: MPL-2.0

package oci_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"talos-nanopi-m6/internal/oci"
)

// serve starts a registry on a loopback address, behind whatever around adds, and gives its repository "test/overlay".
func serve(t *testing.T, around func(http.Handler) http.Handler) string {
	t.Helper()

	var handler http.Handler = registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	if around != nil {
		handler = around(handler)
	}

	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)

	// Nobody's credentials.
	t.Setenv("DOCKER_CONFIG", t.TempDir())

	return strings.TrimPrefix(server.URL, "http://") + "/test/overlay"
}

// overlayLayout writes the test overlay as a layout.
func overlayLayout(t *testing.T) (string, v1.ImageIndex) {
	t.Helper()

	index := mustIndex(t, overlayDirs(t))
	dir := filepath.Join(t.TempDir(), "layout")

	if err := oci.WriteLayout(dir, index); err != nil {
		t.Fatal(err)
	}

	return dir, index
}

func push(dir, repository string, tags ...string) (string, error) {
	return oci.Push(context.Background(), dir, oci.PushOptions{
		Repository: repository, Tags: tags, Attempts: 4, Wait: time.Millisecond,
	})
}

func TestPushedOverlayIsPulledBackWholeByDigestAndTags(t *testing.T) {
	repository := serve(t, nil)
	dir, index := overlayLayout(t)

	byDigest, err := push(dir, repository, "v1", "latest")
	if err != nil {
		t.Fatal(err)
	}

	if want := repository + "@" + digest(t, index); byDigest != want {
		t.Errorf("%s, not %s", byDigest, want)
	}

	for _, text := range []string{byDigest, repository + ":v1", repository + ":latest"} {
		ref, err := name.ParseReference(text)
		if err != nil {
			t.Fatal(err)
		}

		pulled, err := remote.Index(ref)
		if err != nil {
			t.Fatal(err)
		}

		if err := validate.Index(pulled); err != nil {
			t.Errorf("%s: %v", text, err)
		}

		if got, want := digest(t, pulled), digest(t, index); got != want {
			t.Errorf("%s is %s, not %s", text, got, want)
		}
	}

	// As the Talos imager pulls an overlay (pkg/imager/profile, ContainerAsset.Pull).
	for platform, want := range images(t, index) {
		target, err := v1.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}

		got, err := crane.Pull(repository+":v1", crane.WithPlatform(target))
		if err != nil {
			t.Fatal(err)
		}

		gotDigest, err := got.Digest()
		if err != nil {
			t.Fatal(err)
		}

		if wantDigest, err := want.Digest(); err != nil || gotDigest != wantDigest {
			t.Errorf("%s: %s, not %s (%v)", platform, gotDigest, wantDigest, err)
		}
	}
}

func TestSecondPushSendsNoBlobs(t *testing.T) {
	var uploads atomic.Int32

	repository := serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				uploads.Add(1)
			}

			next.ServeHTTP(w, r)
		})
	})
	dir, _ := overlayLayout(t)

	if _, err := push(dir, repository, "v1"); err != nil {
		t.Fatal(err)
	}

	// Two configurations, one shared layer, two of their own.
	if got := uploads.Swap(0); got != 5 {
		t.Errorf("got %d uploads, want 5", got)
	}

	if _, err := push(dir, repository, "v2"); err != nil {
		t.Fatal(err)
	}

	if got := uploads.Load(); got != 0 {
		t.Errorf("got %d uploads the second time, want none", got)
	}
}

func TestCredentialsComeFromDockersConfiguration(t *testing.T) {
	repository := serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, password, ok := r.BasicAuth(); !ok || user != "me" || password != "secret" {
				w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
				w.WriteHeader(http.StatusUnauthorized)

				return
			}

			next.ServeHTTP(w, r)
		})
	})
	dir, _ := overlayLayout(t)

	if _, err := push(dir, repository, "v1"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("without credentials: got %v, want an error without the secret", err)
	}

	host, _, _ := strings.Cut(repository, "/")
	config := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, host, base64.StdEncoding.EncodeToString([]byte("me:secret")))

	if err := os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}

	if _, err := push(dir, repository, "v1"); err != nil {
		t.Errorf("with credentials: %v", err)
	}
}

func TestRegistryThatFailsForAWhileIsAskedAgain(t *testing.T) {
	for _, failures := range []int32{2, 1000} {
		var count atomic.Int32

		repository := serve(t, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost && count.Add(1) <= failures {
					w.WriteHeader(http.StatusServiceUnavailable)

					return
				}

				next.ServeHTTP(w, r)
			})
		})
		dir, _ := overlayLayout(t)

		_, err := push(dir, repository, "v1")
		if (err == nil) != (failures == 2) {
			t.Errorf("%d failures: got %v, want success after 2 alone", failures, err)
		}
	}
}

// A tag is set last: it never names an image of which something is missing.
func TestFailedPushSetsNoTag(t *testing.T) {
	repository := serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/sha256:") {
				w.WriteHeader(http.StatusForbidden)

				return
			}

			next.ServeHTTP(w, r)
		})
	})
	dir, _ := overlayLayout(t)

	if _, err := push(dir, repository, "v1"); err == nil {
		t.Fatalf("got no error, want one")
	}

	if _, err := crane.Manifest(repository + ":v1"); err == nil {
		t.Errorf("the tag is set: got no error, want one")
	}
}

func TestPushRefusesWhatItCannotPush(t *testing.T) {
	repository := serve(t, nil)
	whole, _ := overlayLayout(t)
	damaged, _ := overlayLayout(t)

	blobs, err := filepath.Glob(filepath.Join(damaged, "blobs/sha256/*"))
	if err != nil || len(blobs) == 0 {
		t.Fatal(blobs, err)
	}

	for _, blob := range blobs {
		if err := os.WriteFile(blob, []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	for _, tc := range []struct{ dir, repository, tag, want string }{
		{t.TempDir(), repository, "v1", "not an OCI image layout"},
		{damaged, repository, "v1", "is damaged"},
		{whole, repository + ":v1", "v1", "without tag or digest"},
		{whole, "Not/A Repository", "v1", "without tag or digest"},
		{whole, repository, "a tag", `tag "a tag"`},
		{whole, "127.0.0.1:1/test/overlay", "v1", "push 127.0.0.1:1/test/overlay@sha256:"},
	} {
		if _, err := push(tc.dir, tc.repository, tc.tag); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v does not say %q", tc.repository, err, tc.want)
		}
	}
}

func TestProgressEndsWithAllThereIs(t *testing.T) {
	repository := serve(t, nil)
	dir, _ := overlayLayout(t)

	var last, all int64

	_, err := oci.Push(context.Background(), dir, oci.PushOptions{
		Repository: repository, Attempts: 1, Progress: func(complete, total int64) { last, all = complete, total },
	})
	if err != nil {
		t.Fatal(err)
	}

	if last == 0 || last != all {
		t.Errorf("got %d bytes, want %d", last, all)
	}
}
