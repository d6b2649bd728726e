// SPDX-License-Identifier: MPL-2.0

// Package pull_test has the imager's own code pull the overlay, as the imager and a node do. Its go.mod is the
// imager's own (nix/talos/imager).
package pull_test

import (
	"debug/elf"
	"encoding/json"
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

// files are what an overlay of the board in OVERLAY_BOARD (internal/board/board.json) has beside its installer.
func files(t *testing.T) (installer string, others []string) {
	t.Helper()

	content, err := os.ReadFile(os.Getenv("OVERLAY_BOARD"))
	if err != nil {
		t.Fatal(err)
	}

	var board struct {
		Name         string
		DeviceTrees  []string
		MainlineTree string
		Loader       map[string]any
	}

	if err := json.Unmarshal(content, &board); err != nil {
		t.Fatal(err)
	}

	others = []string{filepath.Join("profiles", board.Name+".yaml")}

	for _, layout := range board.Loader {
		if layout, ok := layout.(map[string]any); ok {
			others = append(others, filepath.Join("artifacts/arm64/u-boot", board.Name, layout["file"].(string)))
		}
	}

	for _, tree := range board.DeviceTrees {
		others = append(others, filepath.Join("artifacts/arm64/dtb/rockchip", tree))
	}

	if board.MainlineTree != "" {
		others = append(others, filepath.Join("artifacts/arm64/dtb/rockchip", board.MainlineTree))
	}

	return filepath.Join("installers", board.Name), others
}

// The environment names the board (OVERLAY_BOARD), the layout (OVERLAY_LAYOUT) and where it was pushed: by tag and by digest (OVERLAY_TAG, OVERLAY_DIGEST).
func TestBothArchitecturesFindInTheRegistryWhatTheLayoutHas(t *testing.T) {
	program, others := files(t)

	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		want := extract(t, profile.ContainerAsset{OCIPath: os.Getenv("OVERLAY_LAYOUT")}, arch)

		for _, variable := range []string{"OVERLAY_TAG", "OVERLAY_DIGEST"} {
			got := extract(t, profile.ContainerAsset{ImageRef: os.Getenv(variable), ForceInsecure: true}, arch)

			if out, err := exec.Command("diff", "--recursive", want, got).CombinedOutput(); err != nil {
				t.Errorf("%s for %s: got another overlay, want the layout's (diff: %v)\n%s", os.Getenv(variable), arch, err, out)
			}

			installer, err := elf.Open(filepath.Join(got, program))
			if err != nil {
				t.Fatal(err)
			}

			if installer.Machine != machine {
				t.Errorf("%s: got an installer for %v, want one for %v", arch, installer.Machine, machine)
			}

			for _, name := range others {
				if _, err := os.Stat(filepath.Join(got, name)); err != nil {
					t.Errorf("%s: got %v, want the file", arch, err)
				}
			}
		}
	}
}
