// SPDX-License-Identifier: MPL-2.0

//go:build kills

// M6_KILLS=1000 go test -tags kills -run Kills -timeout 0 -v ./cmd/m6: kills real processes, so many of each kind. Not in the
// gate: it takes from minutes to hours.

package main

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"talos-nanopi-m6/internal/fixture/diskimage"
	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/rockchip"
)

// startable says whether the board would find something to start on a card.
func startable(t *testing.T, card string) bool {
	t.Helper()

	d, err := image.OpenDisk(t.Context(), card)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() // read only

	_, err = rockchip.Search(d, rockchip.MMC)

	return err == nil
}

func TestKillsLeaveNothingThatLooksBootableAndIsNotWhole(t *testing.T) {
	kills := 20
	if n, err := strconv.Atoi(os.Getenv("M6_KILLS")); err == nil {
		kills = n
	}

	plain, copies := diskImage(t, diskimage.Spec{}), diskImage(t, diskimage.Spec{Loader: rockchiploader.Small.With(7)})
	bins := []string{
		file(t, "one.bin", rockchiploader.Small.With(3).Image(rockchip.MMC)), file(t, "two.bin", rockchiploader.Small.With(4).Image(rockchip.MMC)),
	}

	// The installer's way: a loader-only write adds the second copies.
	if _, say, code := m6(t, "flash", "--loader-only", bins[0], copies); code != exitDone {
		t.Fatalf("got %v, want exit code %d", say, exitDone)
	}

	images := []string{plain, copies}

	server := httptest.NewServer(http.FileServer(http.Dir("/")))
	defer server.Close()

	dir := board(t, diskimage.Size+64<<20, "")

	if err := os.WriteFile(filepath.Join(dir, "mode"), []byte("Loader"), 0o600); err != nil {
		t.Fatal(err)
	}

	tool := file(t, "rkdeveloptool", []byte("#!/bin/sh\n"+mainEnv+"= exec '"+os.Args[0]+"' \"$@\"\n"))
	if err := os.Chmod(tool, 0o700); err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		card  string
		args  func(n int, card string) []string
		stdin bool
		// always says that the board must find something at every instant.
		always bool
	}{
		"file": {blank(t, diskimage.Size), func(n int, card string) []string {
			return []string{"flash", "--yes", "--overwrite", images[n%2], card}
		}, false, false},
		"standard input": {blank(t, diskimage.Size), func(_ int, card string) []string {
			return []string{"flash", "--yes", "--overwrite", "-", card}
		}, true, false},
		"URL": {blank(t, diskimage.Size), func(n int, card string) []string {
			return []string{"flash", "--yes", "--overwrite", server.URL + images[n%2], card}
		}, false, false},
		"loader only": {diskImage(t, diskimage.Spec{}), func(n int, card string) []string {
			return []string{"flash", "--yes", "--loader-only", bins[n/2%2], card}
		}, false, true},
		"recover": {filepath.Join(dir, "storage"), func(n int, _ string) []string {
			return []string{"recover", "--yes", "--rkdeveloptool", tool, images[n%2]}
		}, false, false},
	} {
		killed, whole := 0, 0
		longest := 200 * time.Millisecond

		for n := 0; killed < kills; n++ {
			cmd := exec.CommandContext(t.Context(), os.Args[0], c.args(n, c.card)...)
			cmd.Env = append(os.Environ(), mainEnv+"=1")

			var (
				in  *os.File
				say bytes.Buffer
			)

			cmd.Stderr = &say

			if c.stdin {
				var err error
				if in, err = os.Open(images[n%2]); err != nil {
					t.Fatal(err)
				}

				cmd.Stdin = in
			}

			begun := time.Now()

			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}

			timer := time.AfterFunc(rand.N(longest), func() { _ = cmd.Process.Kill() })

			err := cmd.Wait()

			switch status := cmd.ProcessState.Sys().(syscall.WaitStatus); {
			case err == nil:
				longest = max(longest/2, time.Since(begun)) // as long as it takes
			case status.Signaled() && status.Signal() == syscall.SIGKILL:
				killed++
				longest += longest / 50
			default:
				t.Fatalf("%s: got an end by itself (%v), want one by the kill: %s", name, err, say.String())
			}

			timer.Stop()

			if in != nil {
				_ = in.Close() // read only
			}

			found := startable(t, c.card)
			if found {
				whole++
			}

			if c.always && !found || found && !verified(t, c.card) {
				t.Fatalf("%s: after %d kills: got a medium that looks bootable (%v), want a whole one or none", name, killed, found)
			}
		}

		t.Logf("%s: %d kills, %d times a whole loader afterwards, and then a whole image", name, killed, whole)
	}
}
