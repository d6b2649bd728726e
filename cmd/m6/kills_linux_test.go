// SPDX-License-Identifier: MPL-2.0

//go:build kills

// TMPDIR=/dev/shm M6_KILLS=1000 go test -tags kills -run Kills -timeout 0 -v ./cmd/m6 ./installer: kills real processes, so many of
// each kind. Not in the gate: it takes minutes.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	boardjson "talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/fixture/diskimage"
	"talos-nanopi-m6/internal/fixture/kills"
	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/rockchip"
)

// killed is how many of each kind are.
func killed() int {
	if n, err := strconv.Atoi(os.Getenv("M6_KILLS")); err == nil {
		return n
	}

	return 20
}

// written is an image, and what a medium holds once it is written there.
type written struct {
	image, whole string
	unused       []inspect.Range
}

// sizes of a small image's medium, and of the one that recover writes to, in bytes.
const (
	smallImage   = 32 << 20
	smallCard    = 48 << 20
	boardStorage = diskimage.Size + 64<<20
)

// writes makes an image and the medium that it gives.
func writes(t *testing.T, s diskimage.Spec, size int64, copies bool, args ...string) written {
	t.Helper()

	w := written{image: diskImage(t, s), whole: blank(t, size)}

	if copies { // as an upgrade on a node adds them
		bin := file(t, "u-boot-rockchip.bin", s.Loader.Image(rockchip.MMC))
		if _, say, code := m6(t, "flash", "--loader-only", bin, w.image); code != exitDone {
			t.Fatal(say)
		}
	}

	if _, say, code := m6(t, append(append([]string{"flash"}, args...), w.image, w.whole)...); code != exitDone {
		t.Fatal(say)
	}

	d := open(t, w.image)
	defer d.Close() // read only

	var err error
	if w.unused, err = inspect.Unused(d, d.Size); err != nil {
		t.Fatal(err)
	}

	return w
}

func open(t *testing.T, path string) *image.Disk {
	t.Helper()

	d, err := image.OpenDisk(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}

	return d
}

// startable says whether the board would find something to start on a medium.
func startable(t *testing.T, path string) bool {
	t.Helper()

	d := open(t, path)
	defer d.Close() // read only

	_, err := rockchip.Search(d, rockchip.MMC)

	return err == nil
}

// same says whether a medium holds what another one does, but for what nobody reads.
func same(t *testing.T, path, want string, unused []inspect.Range) bool {
	t.Helper()

	a, b := open(t, path), open(t, want)
	defer a.Close() // read only
	defer b.Close() // read only

	const step = 4 << 20

	p, q := make([]byte, step), make([]byte, step)

	for at := int64(0); at < b.Size; at += step {
		next, err := a.NextData(at)
		other, oerr := b.NextData(at)

		if err := errors.Join(err, oerr); err != nil {
			t.Fatal(err)
		}

		at = max(at, min(next, other)&^(step-1))
		n := max(0, min(step, b.Size-at))

		for d, into := range map[*image.Disk][]byte{a: p[:n], b: q[:n]} {
			if m, err := d.ReadAt(into, at); m < len(into) {
				t.Fatal(err)
			}

			for _, u := range unused {
				if low, high := max(u.Start, at), min(u.End, at+n); low < high {
					clear(into[low-at : high-at])
				}
			}
		}

		if !bytes.Equal(p[:n], q[:n]) {
			return false
		}
	}

	return true
}

// idblocks are where the mask ROM looks for a header.
func idblocks() []inspect.Range {
	var list []inspect.Range
	for _, at := range rockchip.MMC.IDBlocks() {
		list = append(list, inspect.Range{Start: at, End: at + disk.PageSize})
	}

	return list
}

// startsWith says whether the idblock that the mask ROM takes from a medium is the one that another medium has in that place.
func startsWith(t *testing.T, path, want string) bool {
	t.Helper()

	a, b := open(t, path), open(t, want)
	defer a.Close() // read only
	defer b.Close() // read only

	found, err := rockchip.Search(a, rockchip.MMC)
	if err != nil {
		t.Fatal(err)
	}

	mine, theirs := make([]byte, found.IDBlock.End()), make([]byte, found.IDBlock.End())

	for d, into := range map[*image.Disk][]byte{a: mine, b: theirs} {
		if n, err := d.ReadAt(into, found.IDBlockAt); n < len(into) {
			t.Fatal(err)
		}
	}

	return bytes.Equal(mine, theirs)
}

// keep moves a medium that must not be to where the test does not remove it.
func keep(t *testing.T, path string) string {
	t.Helper()

	f, err := os.CreateTemp("", "m6-kills-*.raw")
	if err != nil {
		t.Fatal(err)
	}

	if err := errors.Join(f.Close(), os.Rename(path, f.Name())); err != nil {
		t.Fatal(err)
	}

	return f.Name()
}

// refill makes a medium hold what another one does.
func refill(t *testing.T, path, from string) {
	t.Helper()

	in := open(t, from)
	defer in.Close() // read only

	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}

	_, err = image.WriteSparse(out, io.NewSectionReader(in, 0, in.Size))
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}

// toolScript stands in for rkdeveloptool, and starts faster than this test program does. $M6_TEST_BOARD/storage is the board's.
const toolScript = `#!/bin/sh
storage=$M6_TEST_BOARD/storage
case $1 in
ld) printf 'DevNo=1\tVid=0x2207,Pid=0x350b,LocationID=101\tLoader\r\n' ;;
rfi) printf 'Flash Info:\r\n\tFlash Size: %d Sectors\r\n' $(($(stat -c %s "$storage") / 512)) ;;
wl) exec dd if="$3" of="$storage" bs=64K seek=$(($2 * 512)) oflag=seek_bytes conv=notrunc status=none ;;
rl) exec dd if="$storage" of="$4" bs=64K skip=$(($2 * 512)) count=$(($3 * 512)) iflag=skip_bytes,count_bytes status=none ;;
esac
`

func TestKillsLeaveNothingThatLooksBootableAndIsNotWhole(t *testing.T) {
	plain := rockchiploader.Small
	small := func(seed uint64) diskimage.Spec {
		return diskimage.Spec{Size: smallImage, NoFiles: true, Small: true, Loader: plain.With(seed)}
	}

	images := []written{
		writes(t, small(1), smallCard, false, "--no-verify"), writes(t, small(7), smallCard, true, "--no-verify"),
	}
	large := []written{
		writes(t, diskimage.Spec{Loader: plain}, boardStorage, false), writes(t, diskimage.Spec{Loader: plain.With(7)}, boardStorage, true),
	}

	server := httptest.NewServer(http.FileServer(http.Dir("/")))
	defer server.Close()

	tool := file(t, "rkdeveloptool", []byte(toolScript))
	if err := os.Chmod(tool, 0o700); err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	tmp := filepath.Join(dir, "tmp")
	card := map[bool]string{false: filepath.Join(dir, "card"), true: filepath.Join(dir, "storage")}

	// What is written comes on top of a whole one of the other image, and on top of what the last kill left.
	writing := func(images []written, card string, args func(image string) []string, stdin bool) kills.Kind {
		var in *os.File

		refill(t, card, images[1].whole)

		return kills.Kind{
			Medium: card,
			Prepare: func(k int) {
				// What the last one left of its own.
				if err := errors.Join(os.RemoveAll(tmp), os.Mkdir(tmp, 0o700)); err != nil {
					t.Fatal(err)
				}

				if k%4 < 2 {
					refill(t, card, images[1-k%2].whole)
				}
			},
			Command: func(k int) *exec.Cmd {
				c := exec.CommandContext(t.Context(), os.Args[0], args(images[k%2].image)...)
				c.Env = append(os.Environ(), mainEnv+"=1", fakeEnv+"="+dir, "TMPDIR="+tmp)

				if stdin {
					var err error
					if in, err = os.Open(images[k%2].image); err != nil {
						t.Fatal(err)
					}

					c.Stdin = in
				}

				return c
			},
			Close: func(int) {
				if in != nil {
					_ = in.Close() // read only
				}
			},
			Left: func(k int) string {
				if !startable(t, card) {
					return "not bootable"
				}

				for n, i := range images {
					if same(t, card, i.whole, i.unused) {
						return []string{"the new image", "the old image"}[(n+k)%2]
					}
				}

				// One of two idblocks may be gone already, or not there yet: the mask ROM takes the other one, which must be the image's.
				for _, i := range images {
					if same(t, card, i.whole, append(idblocks(), i.unused...)) && startsWith(t, card, i.whole) {
						return "a whole image with one loader of two"
					}
				}

				bad := keep(t, card)
				t.Fatalf("after %d: it looks bootable and is not whole: %s", k, bad)

				return ""
			},
		}
	}

	flash := func(source func(image string) string) func(string) []string {
		return func(image string) []string {
			return []string{"flash", "--yes", "--overwrite", "--no-verify", source(image), card[false]}
		}
	}

	for _, c := range []struct {
		name string
		kind kills.Kind
	}{
		{"file", writing(images, card[false], flash(func(i string) string { return i }), false)},
		{"standard input", writing(images, card[false], flash(func(string) string { return "-" }), true)},
		{"URL", writing(images, card[false], flash(func(i string) string { return server.URL + i }), false)},
		{"recover", writing(large, card[true], func(i string) []string { return []string{"recover", "--yes", "--rkdeveloptool", tool, i} }, false)},
	} {
		t.Run(c.name, func(t *testing.T) { t.Log(kills.Run(t, killed(), c.kind)) })
	}
}

func TestKillsOfALoaderOnlyWriteAlwaysLeaveALoader(t *testing.T) {
	first := diskimage.Spec{Size: smallImage, NoFiles: true, Small: true, Loader: rockchiploader.Small}
	card, untouched := diskImage(t, first), diskImage(t, first)

	var (
		bins   []string
		starts []string
	)

	for seed := range uint64(2) {
		b := rockchiploader.Small.With(seed + 3).Image(rockchip.MMC)
		bins = append(bins, file(t, fmt.Sprintf("%d.bin", seed), b))

		l, err := rockchip.ParseLoader(b, rockchip.MMC)
		if err != nil {
			t.Fatal(err)
		}

		starts = append(starts, string(l.IDBlock))
	}

	// The loader's own places, which are before the first partition.
	own := []inspect.Range{{Start: rockchip.MMC.IDBlock, End: boardjson.LoaderRoom}}

	left := kills.Run(t, killed(), kills.Kind{
		Medium: card,
		Prepare: func(k int) {
			if k%8 == 0 { // without second copies again
				refill(t, card, untouched)
			}
		},
		Command: func(k int) *exec.Cmd {
			c := exec.CommandContext(t.Context(), os.Args[0], "flash", "--yes", "--loader-only", bins[k%2], card)
			c.Env = append(os.Environ(), mainEnv+"=1")

			return c
		},
		Left: func(k int) string {
			d := open(t, card)
			defer d.Close() // read only

			found, err := rockchip.Search(d, rockchip.MMC)
			if err != nil || !same(t, card, untouched, own) {
				t.Fatalf("after %d: %v, or something else than the loader was written", k, err)
			}

			b := make([]byte, found.IDBlock.End())
			if _, err := d.ReadAt(b, found.IDBlockAt); err != nil {
				t.Fatal(err)
			}

			if string(b) == starts[k%2] {
				return "the new loader"
			}

			return "the old loader"
		},
	})

	t.Log(left)
}
