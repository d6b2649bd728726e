// SPDX-License-Identifier: MPL-2.0

// Package executor_test drives the built installer through the overlay executor of a Talos release. The cases are the same
// for each; installer_test.go of a release's module calls that release's executor.
package executor_test

import (
	"bytes"
	"os"
	"os/exec"
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
	b = built{filepath.Join(dir, "nanopi-m6"), filepath.Join(dir, "artifacts"), filepath.Join(dir, "stand-in")}

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
	installer := build(t).installer

	for _, extra := range []overlay.ExtraOptions{nil, {}, {"console": true}, {"console": "on"}} {
		options, err := getOptions(t, installer, extra)
		if err != nil {
			t.Fatal(err)
		}

		if options.Name != "nanopi-m6" || options.PartitionOptions.Offset != 20480 || !slices.Contains(options.KernelArgs, "console=ttyS2,1500000") {
			t.Errorf("%v: %+v", extra, options)
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

		if slices.Contains(options.KernelArgs, "console=ttyS2,1500000") || !slices.Contains(options.KernelArgs, "watchdog.open_timeout=120") ||
			!slices.Contains(options.KernelArgs, "a=b") {
			t.Errorf("%v: %+v", extra, options)
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
		if err == nil || !strings.Contains(err.Error(), `unknown overlay option "consoel"; valid are allowStandIn, bootDevice, console,`) {
			t.Errorf("%v", err)
		}
	}
}

func TestInstallWritesLoaderAndDeviceTree(t *testing.T) {
	b := build(t)
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

	loader, err := os.ReadFile(filepath.Join(b.artifacts, "arm64/u-boot/nanopi-m6/u-boot-rockchip.bin"))
	if err != nil {
		t.Fatal(err)
	}

	if !bytes.Equal(written[32<<10:][:len(loader)], loader) {
		t.Error("the boot loader is not at 32 KiB")
	}

	want, err := os.ReadFile(filepath.Join(b.artifacts, "arm64/dtb/rockchip/rk3588s-nanopi-m6.dtb"))
	if err != nil {
		t.Fatal(err)
	}

	if got, err := os.ReadFile(filepath.Join(mount, "boot/EFI/dtb/rockchip/rk3588s-nanopi-m6.dtb")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("device tree: %v", err)
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
			t.Errorf("%v: %v", extra, err)
		}
	}
}
