// SPDX-License-Identifier: MPL-2.0

// Package pull_test has the imager's own code pull the overlay, as the imager and a node do. Its go.mod is the
// imager's own (nix/talos/imager).
package pull_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/siderolabs/talos/pkg/imager/profile"
)

func extract(t *testing.T, asset profile.ContainerAsset, arch string) string {
	t.Helper()

	dir := t.TempDir()
	if err := asset.Extract(t.Context(), dir, arch, t.Logf, nil); err != nil {
		t.Fatal(err)
	}

	return dir
}

// The environment names the layout (OVERLAY_LAYOUT) and where it was pushed: by tag and by digest (OVERLAY_TAG, OVERLAY_DIGEST).
func TestBothArchitecturesFindInTheRegistryWhatTheLayoutHas(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		want := extract(t, profile.ContainerAsset{OCIPath: os.Getenv("OVERLAY_LAYOUT")}, arch)

		for _, variable := range []string{"OVERLAY_TAG", "OVERLAY_DIGEST"} {
			got := extract(t, profile.ContainerAsset{ImageRef: os.Getenv(variable), ForceInsecure: true}, arch)

			if out, err := exec.Command("diff", "--recursive", want, got).CombinedOutput(); err != nil {
				t.Errorf("%s for %s: %v\n%s", os.Getenv(variable), arch, err, out)
			}

			installer, err := elf.Open(filepath.Join(got, "installers/nanopi-m6"))
			if err != nil {
				t.Fatal(err)
			}

			if installer.Machine != machine {
				t.Errorf("the installer for %s is for %v", arch, installer.Machine)
			}

			for _, name := range []string{
				"profiles/nanopi-m6.yaml", "artifacts/arm64/u-boot/nanopi-m6/u-boot-rockchip.bin",
				"artifacts/arm64/dtb/rockchip/rk3588s-nanopi-m6.dtb",
			} {
				if _, err := os.Stat(filepath.Join(got, name)); err != nil {
					t.Errorf("%s: %v", arch, err)
				}
			}
		}
	}
}
