// SPDX-License-Identifier: MPL-2.0

package oci_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"talos-nanopi-m6/internal/oci"
)

// layer holds one file.
func layer(t *testing.T, content string) v1.Layer {
	t.Helper()

	var b bytes.Buffer

	w := tar.NewWriter(&b)

	err := w.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: int64(len(content))})
	if err == nil {
		_, err = w.Write([]byte(content))
	}

	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}

	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}

	return l
}

// archive writes layers as an image that was made at a time of day. One layer stands in it twice.
func archive(t *testing.T, layers []v1.Layer, made time.Time) string {
	t.Helper()

	image, err := mutate.CreatedAt(empty.Image, v1.Time{Time: made})
	if err != nil {
		t.Fatal(err)
	}

	for _, l := range append(layers, layers[0]) {
		if image, err = mutate.Append(image, mutate.Addendum{Layer: l, History: v1.History{Created: v1.Time{Time: made}}}); err != nil {
			t.Fatal(err)
		}
	}

	tag, err := name.NewTag("nanopi-m6/installer:v1")
	if err != nil {
		t.Fatal(err)
	}

	file := filepath.Join(t.TempDir(), "archive.tar")
	if err := tarball.WriteToFile(file, tag, image); err != nil {
		t.Fatal(err)
	}

	return file
}

func TestASettledArchiveDependsOnLayersAloneAndKeepsThem(t *testing.T) {
	var layers []v1.Layer

	for k := range 3 {
		layers = append(layers, layer(t, strings.Repeat(fmt.Sprint(k), 100)))
	}

	var contents [][]byte

	for _, made := range []time.Time{time.Unix(1_800_000_000, 0), time.Unix(1_900_000_000, 5)} {
		output := filepath.Join(t.TempDir(), "settled.tar")
		if err := oci.Settle(archive(t, layers, made), output, created); err != nil {
			t.Fatal(err)
		}

		content, err := os.ReadFile(output)
		if err != nil {
			t.Fatal(err)
		}

		contents = append(contents, content)

		tag, err := name.NewTag("nanopi-m6/installer:v1")
		if err != nil {
			t.Fatal(err)
		}

		image, err := tarball.ImageFromPath(output, &tag)
		if err != nil {
			t.Fatal(err)
		}

		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}

		if !config.Created.Equal(created) || len(config.History) != 4 ||
			slices.ContainsFunc(config.History, func(h v1.History) bool { return !h.Created.Equal(created) }) {
			t.Errorf("got created %v and history %+v, want 4 steps at %v alone", config.Created, config.History, created)
		}

		got, err := image.Layers()
		if err != nil || len(got) != 4 {
			t.Fatalf("got %d layers (%v), want 4", len(got), err)
		}

		for k, l := range append(layers, layers[0]) {
			want, err := l.Digest()
			if err != nil {
				t.Fatal(err)
			}

			if digest, err := got[k].Digest(); err != nil || digest != want {
				t.Errorf("layer %d: got %v (%v), want %v", k, digest, err, want)
			}
		}
	}

	if !bytes.Equal(contents[0], contents[1]) {
		t.Errorf("got archives of %d and %d bytes that differ, want one that no time of day is in", len(contents[0]), len(contents[1]))
	}
}

func TestWhatIsNoArchiveIsNotSettled(t *testing.T) {
	output := filepath.Join(t.TempDir(), "settled.tar")

	noise := filepath.Join(t.TempDir(), "noise.tar")
	if err := os.WriteFile(noise, []byte("noise"), 0o600); err != nil {
		t.Fatal(err)
	}

	torn := archive(t, []v1.Layer{layer(t, "content")}, created)
	if err := os.Truncate(torn, 1000); err != nil {
		t.Fatal(err)
	}

	for _, file := range []string{noise, torn, noise + ".gone"} {
		if err := oci.Settle(file, output, created); err == nil {
			t.Errorf("%s: got no error, want one", filepath.Base(file))
		}

		if _, err := os.Stat(output); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: got a file %s (%v), want none after an error", filepath.Base(file), output, err)
		}
	}
}
