// SPDX-License-Identifier: MPL-2.0

//go:build kills

// M6_KILLS=1000 go test -tags kills -run Kills -timeout 0 -v ./installer (cmd/m6/kills_linux_test.go has the others).

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/overlay"
	"go.yaml.in/yaml/v4"

	"talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/fixture/kills"
	"talos-nanopi-m6/internal/fixture/loopdevice"
	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/rockchip"
)

// An upgrade on a node, over and over: each writes the other one of two loaders and of two device trees. It takes a loop device: into
// an image, which nothing starts meanwhile, the installer writes one copy.
func TestKillsOfAnUpgradeAlwaysLeaveALoaderAndAWholeTree(t *testing.T) {
	n := 20
	if m, err := strconv.Atoi(os.Getenv("M6_KILLS")); err == nil {
		n = m
	}

	type version struct {
		node

		input string
		start []byte
		tree  []byte
	}

	first := newNode(t, rockchiploader.Small, imageSize)
	file := first.disk

	loop, ok := loopdevice.Attach(t, file, 512, false)
	if !ok {
		t.Fatal("got no loop device, want one: as root, with /dev/loop-control")
	}

	first.disk = loop
	tree := filepath.Join(first.mount, "boot/EFI", board.DeviceTree)

	var versions []version

	for seed, mac := range []string{"02:00:00:00:00:01", "02:00:00:00:00:02"} {
		v := version{node: first}
		v.artifacts = t.TempDir()

		spec := rockchiploader.Small.With(uint64(seed + 1))
		if err := rockchiploader.Artifacts(v.artifacts, spec); err != nil {
			t.Fatal(err)
		}

		extra := map[string]any{"ethaddr": mac}
		v.mustInstall(t, extra)

		if seed == 0 {
			partition(t, file, uint(board.LoaderRoom/rockchip.SectorSize))
		}

		loader, err := rockchip.ParseLoader(spec.Image(rockchip.MMC), rockchip.MMC)
		if err != nil {
			t.Fatal(err)
		}

		input, err := yaml.Marshal(overlay.InstallOptions[overlay.ExtraOptions]{
			InstallDisk: v.disk, MountPrefix: v.mount, ArtifactsPath: v.artifacts, ExtraOptions: extra,
		})
		if err != nil {
			t.Fatal(err)
		}

		v.input, v.start, v.tree = string(input), loader.IDBlock, read(t, tree)
		versions = append(versions, v)
	}

	single := bytes.Clone(read(t, file))
	partitions := bytes.Clone(single[board.LoaderRoom:])

	// Without the second copies, as an image comes.
	for _, at := range append(rockchip.MMC.IDBlocks()[1:], rockchip.MMC.BackupFIT) {
		if at > rockchip.MMC.FIT || at > int64(len(versions[1].start))+rockchip.MMC.IDBlock {
			clear(single[at:][:rockchip.SectorSize])
		}
	}

	left := kills.Run(t, n, kills.Kind{
		Medium: file,
		Prepare: func(k int) {
			if k%8 == 0 {
				refill(t, loop, single)
			}
		},
		Command: func(k int) *exec.Cmd {
			c := exec.CommandContext(t.Context(), os.Args[0], "install")
			c.Env = append(os.Environ(), "RUN_AS_INSTALLER=1")
			c.Stdin = strings.NewReader(versions[k%2].input)

			return c
		},
		Left: func(k int) string {
			content := read(t, file)

			found, err := rockchip.Search(bytes.NewReader(content), rockchip.MMC)
			if err != nil {
				t.Fatalf("after %d the board finds nothing to start: %v", k, err)
			}

			if !bytes.Equal(content[board.LoaderRoom:], partitions) {
				t.Fatalf("after %d the partitions changed", k)
			}

			if got := read(t, tree); !bytes.Equal(got, versions[0].tree) && !bytes.Equal(got, versions[1].tree) {
				t.Fatalf("after %d the device tree is neither the old nor the new one", k)
			}

			what := "the old loader"
			if bytes.Equal(content[found.IDBlockAt:][:found.IDBlock.End()], versions[k%2].start) {
				what = "the new loader"
			}

			if bytes.Equal(read(t, tree), versions[k%2].tree) {
				return what + ", the new tree"
			}

			return what + ", the old tree"
		},
	})

	t.Log(left)
}

// refill writes a whole disk.
func refill(t *testing.T, path string, content []byte) {
	t.Helper()

	d, err := disk.Open(path)
	if err != nil {
		t.Fatal(err)
	}

	b := disk.Aligned(len(content))
	copy(b, content)

	_, err = d.WriteAt(b, 0)
	if err := errors.Join(err, d.Sync(), d.Close()); err != nil {
		t.Fatal(err)
	}
}
