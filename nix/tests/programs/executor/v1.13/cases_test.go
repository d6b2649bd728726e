// SPDX-License-Identifier: MPL-2.0

// Package executor_test drives the built installer through the overlay executor of a Talos release. The cases are the same
// for each; installer_test.go of a release's module calls that release's executor.
package executor_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/overlay"
)

// built are the installer's binary and two overlays' artifacts: as named by the environment, or made by the Go module at
// the repository's root.
type built struct{ installer, artifacts, standIn string }

func build(t *testing.T) built {
	t.Helper()

	b := built{os.Getenv("OVERLAY_INSTALLER"), os.Getenv("OVERLAY_ARTIFACTS"), os.Getenv("OVERLAY_ARTIFACTS_STAND_IN")}
	if b.installer != "" && b.artifacts != "" && b.standIn != "" {
		return b
	}

	dir := t.TempDir()
	b = built{filepath.Join(dir, "installer"), filepath.Join(dir, "artifacts"), filepath.Join(dir, "stand-in")}

	for _, args := range [][]string{
		{"build", "-o", b.installer, "./installer"},
		{"run", "./nix/tests/programs/overlay-artifacts", b.artifacts},
		{"run", "./nix/tests/programs/overlay-artifacts", "-stand-in", b.standIn},
	} {
		cmd := exec.Command("go", args...)
		cmd.Dir = "../../../../.."
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")

		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}

	return b
}

// board is what a build says of the board: internal/board/board.json, which OVERLAY_BOARD names in a Nix build.
type board struct {
	Name        string
	DeviceTrees []string
	Console     struct {
		TTY  string
		Baud int
	}
	Loader struct {
		Room int64 // bytes
		MMC  struct {
			File      string
			FileStart int64 // bytes
		}
	}
}

func theBoard(t *testing.T) board {
	t.Helper()

	name := os.Getenv("OVERLAY_BOARD")
	if name == "" {
		name = "../../../../../internal/board/board.json"
	}

	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}

	var b board
	if err := json.Unmarshal(content, &b); err != nil || b.Name == "" {
		t.Fatalf("%s: got %+v (%v), want a board", name, b, err)
	}

	return b
}

func (b board) console() string { return fmt.Sprintf("console=%s,%d", b.Console.TTY, b.Console.Baud) }

// deviceTree is the first tree's path below artifacts/arm64 and on the EFI partition.
func (b board) deviceTree() string { return path.Join("dtb/rockchip", b.DeviceTrees[0]) }

func disk(t *testing.T) string {
	t.Helper()

	name := filepath.Join(t.TempDir(), "disk.img")

	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}

	defer f.Close() // nothing is written

	if err := f.Truncate(64 << 20); err != nil {
		t.Fatal(err)
	}

	return name
}

func TestOptionsArriveAtTalos(t *testing.T) {
	installer, board := build(t).installer, theBoard(t)
	offset := uint64(board.Loader.Room / 512)

	for _, extra := range []overlay.ExtraOptions{nil, {}, {"console": true}, {"console": "on"}} {
		options, err := getOptions(t, installer, extra)
		if err != nil {
			t.Fatal(err)
		}

		if options.Name != board.Name || options.PartitionOptions.Offset != offset || !slices.Contains(options.KernelArgs, board.console()) {
			t.Errorf("%v: got %+v, want name %s, offset %d and %s", extra, options, board.Name, offset, board.console())
		}
	}

	// As a profile's YAML gives them, and as --overlay-option does.
	for _, extra := range []overlay.ExtraOptions{
		{"console": false, "watchdog": 120, "extraKernelArgs": []any{"a=b"}},
		{"console": "off", "watchdog": "2m", "extraKernelArgs": "a=b"},
	} {
		options, err := getOptions(t, installer, extra)
		if err != nil {
			t.Fatal(err)
		}

		if slices.Contains(options.KernelArgs, board.console()) || !slices.Contains(options.KernelArgs, "watchdog.open_timeout=120") ||
			!slices.Contains(options.KernelArgs, "a=b") {
			t.Errorf("%v: got arguments %q, want a=b and watchdog.open_timeout=120, not %s", extra, options.KernelArgs, board.console())
		}
	}
}

func TestUnknownOptionFailsWithTheListOfValidOnes(t *testing.T) {
	installer := build(t).installer
	extra := overlay.ExtraOptions{"consoel": "off"}

	_, optionsErr := getOptions(t, installer, extra)
	installErr := install(t, installer, overlay.InstallOptions[overlay.ExtraOptions]{
		InstallDisk: disk(t), MountPrefix: t.TempDir(), ArtifactsPath: t.TempDir(), ExtraOptions: extra,
	})

	for _, err := range []error{optionsErr, installErr} {
		const want = `unknown overlay option "consoel"; valid are allowStandIn, bootDevice, console,`
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestInstallWritesLoaderAndDeviceTree(t *testing.T) {
	b, board := build(t), theBoard(t)
	image, mount := disk(t), t.TempDir()

	for range 2 {
		if err := install(t, b.installer, overlay.InstallOptions[overlay.ExtraOptions]{
			InstallDisk: image, MountPrefix: mount, ArtifactsPath: b.artifacts,
		}); err != nil {
			t.Fatal(err)
		}
	}

	written, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}

	loader, err := os.ReadFile(filepath.Join(b.artifacts, "arm64/u-boot", board.Name, board.Loader.MMC.File))
	if err != nil {
		t.Fatal(err)
	}

	if got := written[board.Loader.MMC.FileStart:][:len(loader)]; !bytes.Equal(got, loader) {
		t.Errorf("byte %d: got %x…, want the boot loader, %x…", board.Loader.MMC.FileStart, got[:16], loader[:16])
	}

	want, err := os.ReadFile(filepath.Join(b.artifacts, "arm64", board.deviceTree()))
	if err != nil {
		t.Fatal(err)
	}

	if got, err := os.ReadFile(filepath.Join(mount, "boot/EFI", board.deviceTree())); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: got %d bytes (%v), want the %d of the artifacts", board.deviceTree(), len(got), err, len(want))
	}
}

func TestStandInPassesOnlyWhenAskedFor(t *testing.T) {
	b := build(t)

	for _, extra := range []overlay.ExtraOptions{nil, {"allowStandIn": "false"}, {"allowStandIn": true}, {"allowStandIn": "true"}} {
		err := install(t, b.installer, overlay.InstallOptions[overlay.ExtraOptions]{
			InstallDisk: disk(t), MountPrefix: t.TempDir(), ArtifactsPath: b.standIn, ExtraOptions: extra,
		})

		allowed := extra["allowStandIn"] == true || extra["allowStandIn"] == "true"
		if allowed != (err == nil) || !allowed && !strings.Contains(err.Error(), "no DDR blob: cannot start the board's memory") {
			t.Errorf("%v: got %v, want it allowed: %v", extra, err, allowed)
		}
	}
}
