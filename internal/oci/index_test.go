// SPDX-License-Identifier: MPL-2.0

package oci_test

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"talos-nanopi-m6/internal/oci"
)

var created = time.Unix(1700000000, 0).UTC()

var annotations = map[string]string{
	"org.opencontainers.image.source": "https://example.org/overlay",
	"versions":                        "u-boot=1,tf-a=2",
}

var options = oci.ImageOptions{
	Annotations: annotations,
	Entrypoint:  []string{"/installers/nanopi-m6", "get-options"},
	Created:     created,
}

// plant writes files ("name*" is executable, "name@target" a symbolic link) and returns their directory.
func plant(t *testing.T, files map[string]string) string {
	t.Helper()

	dir := t.TempDir()

	for name, content := range files {
		name, target, link := strings.Cut(name, "@")
		name, executable := strings.CutSuffix(name, "*")
		file := filepath.Join(dir, name)

		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}

		mode := os.FileMode(0o644)
		if executable {
			mode = 0o755
		}

		err := os.WriteFile(file, []byte(content), mode)
		if link {
			err = errors.Join(os.Remove(file), os.Symlink(target, file))
		}

		if err != nil {
			t.Fatal(err)
		}
	}

	return dir
}

func overlayDirs(t *testing.T) map[string]string {
	common := map[string]string{
		"profiles/nanopi-m6.yaml":                 "arch: arm64\n",
		"artifacts/arm64/u-boot/nanopi-m6/a.bin":  strings.Repeat("loader", 10000),
		"artifacts/arm64/dtb/rockchip/b.dtb":      "dtb",
		"artifacts/arm64/dtb/current.dtb@b.dtb":   "",
		"artifacts/arm64/dtb/rockchip/nothing.in": "",
	}
	dirs := map[string]string{}

	for _, arch := range []string{"amd64", "arm64"} {
		dir := plant(t, common)
		if err := os.CopyFS(dir, os.DirFS(plant(t, map[string]string{"installers/nanopi-m6*": arch + " program"}))); err != nil {
			t.Fatal(err)
		}

		dirs["linux/"+arch] = dir
	}

	return dirs
}

func mustIndex(t *testing.T, dirs map[string]string) v1.ImageIndex {
	t.Helper()

	index, err := oci.Index(dirs, options)
	if err != nil {
		t.Fatal(err)
	}

	return index
}

func digest(t *testing.T, index v1.ImageIndex) string {
	t.Helper()

	hash, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}

	return hash.String()
}

// readLayout opens a layout from disk and checks everything in it against its hashes.
func readLayout(t *testing.T, dir string) v1.ImageIndex {
	t.Helper()

	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}

	if err := validate.Index(index); err != nil {
		t.Fatal(err)
	}

	return index
}

func images(t *testing.T, index v1.ImageIndex) map[string]v1.Image {
	t.Helper()

	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}

	found := map[string]v1.Image{}

	for _, descriptor := range manifest.Manifests {
		image, err := index.Image(descriptor.Digest)
		if err != nil {
			t.Fatal(err)
		}

		found[descriptor.Platform.String()] = image
	}

	return found
}

func TestSameFilesGiveSameDigestWhereverAndWheneverTheyLie(t *testing.T) {
	first := overlayDirs(t)
	second := overlayDirs(t)

	for _, dir := range second {
		file := filepath.Join(dir, "profiles/nanopi-m6.yaml")

		// As in a Nix store: read-only, of another time.
		if err := errors.Join(os.Chmod(file, 0o444), os.Chtimes(file, time.Unix(1, 0), time.Unix(1, 0))); err != nil {
			t.Fatal(err)
		}
	}

	if a, b := digest(t, mustIndex(t, first)), digest(t, mustIndex(t, second)); a != b {
		t.Errorf("got digests %s and %s, want one", a, b)
	}
}

func TestLayoutHoldsTheIndexAndItsDigest(t *testing.T) {
	index := mustIndex(t, overlayDirs(t))
	dir := filepath.Join(t.TempDir(), "layout")

	if err := oci.WriteLayout(dir, index); err != nil {
		t.Fatal(err)
	}

	read := readLayout(t, dir)
	if a, b := digest(t, index), digest(t, read); a != b {
		t.Errorf("layout: got digest %s, want the index's, %s", b, a)
	}

	manifest, err := read.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}

	if manifest.MediaType != types.OCIImageIndex {
		t.Errorf("media type: got %s, want %s", manifest.MediaType, types.OCIImageIndex)
	}

	for key, want := range annotations {
		if got := manifest.Annotations[key]; got != want {
			t.Errorf("index annotation %s is %q, not %q", key, got, want)
		}
	}
}

func TestImagesShareWhatIsAlikeAndDifferInTheInstaller(t *testing.T) {
	found := images(t, mustIndex(t, overlayDirs(t)))

	var layers [2][]v1.Layer

	for i, platform := range []string{"linux/amd64", "linux/arm64"} {
		image := found[platform]
		if image == nil {
			t.Fatalf("got images %v, want one for %s", found, platform)
		}

		var err error
		if layers[i], err = image.Layers(); err != nil {
			t.Fatal(err)
		}

		if len(layers[i]) != 2 {
			t.Fatalf("%s: got %d layers, want 2", platform, len(layers[i]))
		}

		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}

		if got := config.Platform().String(); got != platform {
			t.Errorf("configuration: got %s, want %s", got, platform)
		}

		if got := config.Config.Labels["versions"]; got != annotations["versions"] {
			t.Errorf("label: got %q, want %q", got, annotations["versions"])
		}

		if got := config.Config.Entrypoint; !slices.Equal(got, options.Entrypoint) {
			t.Errorf("entrypoint: got %q, want %q", got, options.Entrypoint)
		}
	}

	for i, alike := range []bool{true, false} {
		a, errA := layers[0][i].Digest()
		b, errB := layers[1][i].Digest()

		if err := errors.Join(errA, errB); err != nil {
			t.Fatal(err)
		}

		if (a == b) != alike {
			t.Errorf("layer %d: got %s and %s, want them alike: %v", i, a, b, alike)
		}
	}
}

func TestImageUnpacksToItsDirectory(t *testing.T) {
	dirs := overlayDirs(t)
	in := images(t, mustIndex(t, dirs))["linux/arm64"]

	files := mutate.Extract(in)
	defer files.Close() // only read

	seen := map[string]string{}

	for reader := tar.NewReader(files); ; {
		hdr, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}

		if err != nil {
			t.Fatal(err)
		}

		if hdr.Uid != 0 || hdr.Gid != 0 || !hdr.ModTime.Equal(created) {
			t.Errorf("%s: got owner %d:%d, time %s; want 0:0, %s", hdr.Name, hdr.Uid, hdr.Gid, hdr.ModTime, created)
		}

		if hdr.Typeflag == tar.TypeDir {
			continue
		}

		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}

		seen[hdr.Name] = hdr.Linkname + string(content)

		if want := int64(0o755); hdr.Name == "installers/nanopi-m6" && hdr.Mode != want {
			t.Errorf("%s: mode %o, not %o", hdr.Name, hdr.Mode, want)
		}
	}

	want := map[string]string{
		"artifacts/arm64/dtb/current.dtb":         "b.dtb",
		"artifacts/arm64/dtb/rockchip/b.dtb":      "dtb",
		"artifacts/arm64/dtb/rockchip/nothing.in": "",
		"artifacts/arm64/u-boot/nanopi-m6/a.bin":  strings.Repeat("loader", 10000),
		"installers/nanopi-m6":                    "arm64 program",
		"profiles/nanopi-m6.yaml":                 "arch: arm64\n",
	}

	for name, content := range want {
		if got, ok := seen[name]; !ok || got != content {
			t.Errorf("%s: got %q (there: %v), want %q", name, got, ok, content)
		}
	}

	if len(seen) != len(want) {
		t.Errorf("%d files, not %d", len(seen), len(want))
	}
}

func TestOneMoreExecutableBitIsAnotherImage(t *testing.T) {
	dirs := overlayDirs(t)
	before := digest(t, mustIndex(t, dirs))

	if err := os.Chmod(filepath.Join(dirs["linux/arm64"], "profiles/nanopi-m6.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}

	if digest(t, mustIndex(t, dirs)) == before {
		t.Errorf("got the digest %s again, want another", before)
	}
}

func TestIndexRefusesWhatIsNoImage(t *testing.T) {
	fifo := plant(t, map[string]string{"a": ""})
	if err := syscall.Mkfifo(filepath.Join(fifo, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}

	for name, tc := range map[string]struct {
		dirs map[string]string
		want string
	}{
		"missing directory": {map[string]string{"linux/arm64": "/nonexistent"}, "no such file"},
		"empty directory":   {map[string]string{"linux/arm64": t.TempDir()}, "no files"},
		"file":              {map[string]string{"linux/arm64": filepath.Join(plant(t, map[string]string{"a": ""}), "a")}, "not a directory"},
		"named pipe":        {map[string]string{"linux/arm64": fifo}, "fifo"},
		"half a platform":   {map[string]string{"arm64": plant(t, map[string]string{"a": ""})}, "not like linux/arm64"},
		"no platform":       {map[string]string{"a/b/c/d/e": plant(t, map[string]string{"a": ""})}, "platform"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := oci.Index(tc.dirs, oci.ImageOptions{}); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v does not say %q", err, tc.want)
			}
		})
	}
}

func TestLayoutNeverWritesOverAnythingAndLeavesNothingHalfMade(t *testing.T) {
	dirs := overlayDirs(t)
	index := mustIndex(t, dirs)
	parent := t.TempDir()
	existing := filepath.Join(parent, "existing")

	if err := os.Mkdir(existing, 0o755); err != nil {
		t.Fatal(err)
	}

	if err := oci.WriteLayout(existing, index); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("existing directory: got %v, want %q", err, "exists")
	}

	// The layers are read when they are written: a file that has gone by then is an error.
	if err := os.Remove(filepath.Join(dirs["linux/arm64"], "installers/nanopi-m6")); err != nil {
		t.Fatal(err)
	}

	if err := oci.WriteLayout(filepath.Join(parent, "new"), index); err == nil {
		t.Errorf("a vanished file went unnoticed: got no error, want one")
	}

	left, err := os.ReadDir(parent)
	if err != nil {
		t.Fatal(err)
	}

	if len(left) != 1 {
		t.Errorf("got %v left, want one entry", left)
	}
}
