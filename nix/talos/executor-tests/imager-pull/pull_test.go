// SPDX-License-Identifier: MPL-2.0

package pull_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/siderolabs/talos/pkg/imager/overlay/executor"
	"github.com/siderolabs/talos/pkg/imager/profile"
)

// run runs a program of the Go module at the repository's root and gives what it prints.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()

	var stderr strings.Builder

	cmd := exec.Command(name, args...)
	cmd.Dir = "../../../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	cmd.Stderr = &stderr

	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}

	return strings.TrimSpace(string(out))
}

// overlay gives an overlay's layout and the program that pushes it: as named by the environment, or made by the Go module
// at the repository's root.
func overlay(t *testing.T) (layout, program string) {
	t.Helper()

	if layout, program = os.Getenv("OVERLAY_LAYOUT"), os.Getenv("OCI_IMAGE"); layout != "" && program != "" {
		return layout, program
	}

	dir := t.TempDir()
	layout, program = filepath.Join(dir, "layout"), filepath.Join(dir, "oci-image")
	run(t, "go", "build", "-o", program, "./cmd/oci-image")

	build := []string{"build", layout}

	for _, arch := range []string{"amd64", "arm64"} {
		tree := filepath.Join(dir, arch)
		run(t, "env", "GOARCH="+arch, "go", "build", "-o", filepath.Join(tree, "installers/nanopi-m6"), "./installer")
		run(t, "go", "run", "./internal/rockchip/rockchiptest/artifacts", filepath.Join(tree, "artifacts"))
		run(t, "cp", "-r", "profiles", tree)

		build = append(build, "--platform", "linux/"+arch+"="+tree)
	}

	run(t, program, build...)

	return layout, program
}

// extract has the imager unpack an overlay, and lists what is in it.
func extract(t *testing.T, asset profile.ContainerAsset, arch string) (string, map[string]string) {
	t.Helper()

	dir := t.TempDir()
	if err := asset.Extract(t.Context(), dir, arch, t.Logf, nil); err != nil {
		t.Fatal(err)
	}

	files := map[string]string{}

	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}

		info, err := d.Info()
		if err != nil {
			return err
		}

		name, _ := filepath.Rel(dir, file)
		files[name] = info.Mode().String()

		if d.Type().IsRegular() {
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}

			files[name] += fmt.Sprintf(" %x", sha256.Sum256(content))
		}

		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	return dir, files
}

func TestImagerFindsTheSameInARegistryAsInTheLayout(t *testing.T) {
	layout, program := overlay(t)

	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()

	t.Setenv("DOCKER_CONFIG", t.TempDir())

	repository := strings.TrimPrefix(server.URL, "http://") + "/nanopi-m6/overlay"
	byDigest := run(t, program, "push", layout, repository, "--tag", "test")

	for _, arch := range []string{"amd64", "arm64"} {
		_, want := extract(t, profile.ContainerAsset{OCIPath: layout}, arch)

		for _, ref := range []string{byDigest, repository + ":test"} {
			dir, got := extract(t, profile.ContainerAsset{ImageRef: ref, ForceInsecure: true}, arch)

			if !maps.Equal(got, want) {
				t.Errorf("%s for %s: %v, not %v", ref, arch, got, want)
			}

			for _, name := range []string{
				"installers/nanopi-m6", "profiles/nanopi-m6.yaml", "artifacts/arm64/u-boot/nanopi-m6/u-boot-rockchip.bin",
				"artifacts/arm64/dtb/rockchip/rk3588s-nanopi-m6.dtb",
			} {
				if got[name] == "" {
					t.Errorf("%s for %s has no %s", ref, arch, name)
				}
			}

			if arch != runtime.GOARCH {
				continue
			}

			options, err := executor.New(filepath.Join(dir, "installers/nanopi-m6")).GetOptions(t.Context(), nil)
			if err != nil || options.Name != "nanopi-m6" {
				t.Errorf("%s: %+v, %v", ref, options, err)
			}
		}
	}
}
