// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/medium"
	"talos-nanopi-m6/internal/rockchip"
)

// failing is a disk in memory on which writes fail from the n-th on.
type failing struct {
	content []byte
	left    int
}

func (f *failing) ReadAt(p []byte, offset int64) (int, error) {
	return bytes.NewReader(f.content).ReadAt(p, offset)
}

func (f *failing) WriteAt(p []byte, offset int64) (int, error) {
	if f.left--; f.left < 0 {
		return 0, syscall.EIO
	}

	return copy(f.content[offset:], p), nil
}

func (f *failing) Sync() error     { return nil }
func (f *failing) Size() int64     { return int64(len(f.content)) }
func (f *failing) SectorSize() int { return 512 }
func (f *failing) Blank() byte     { return 0 }
func (f *failing) Name() string    { return "/dev/failing" }

func planFor(t *testing.T, disk *failing, seed uint64) *bootPlan {
	t.Helper()

	loader, err := rockchip.ParseLoader(rockchiploader.Small.With(seed).Image(rockchip.MMC), rockchip.MMC)
	if err != nil {
		t.Fatal(err)
	}

	parts, err := medium.LoaderParts(disk, loader)
	if err != nil {
		t.Fatal(err)
	}

	return &bootPlan{log: &logger{}, targets: []target{{disk, parts, &rockchip.MMC}}}
}

func TestFailureSaysWhatTheBoardWouldStart(t *testing.T) {
	old := make([]byte, 12<<20)
	copy(old[rockchip.MMC.FileStart:], rockchiploader.Small.Image(rockchip.MMC))

	for left := range 10 {
		disk := &failing{bytes.Clone(old), left}

		err := planFor(t, disk, 2).write()
		if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "the board still starts from /dev/failing: idblock at byte") {
			t.Errorf("%d writes succeed: got %v, want %v and %q", left, err, syscall.EIO, "the board still starts from /dev/failing: idblock at byte")
		}
	}

	blank := &failing{make([]byte, 12<<20), 1}

	err := planFor(t, blank, 2).write()
	if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "now /dev/failing: the board does not start from it") {
		t.Errorf("a blank disk: got %v, want %v and %q", err, syscall.EIO, "now /dev/failing: the board does not start from it")
	}
}

func TestEveryMessageIsOneMessageOfTheKernelsLog(t *testing.T) {
	var log messages

	l := &logger{outputs: []io.Writer{prefixed{"<30>", &log}}}
	l.printf("first")
	l.printf("two\nlines")

	want := messages{"<30>overlay " + board.Name + ": first\n", "<30>overlay " + board.Name + ": two\n", "<30>lines\n"}
	if strings.Join(log, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", log, want)
	}
}

// messages keeps writes apart, as the kernel's log does.
type messages []string

func (m *messages) Write(p []byte) (int, error) {
	*m = append(*m, string(p))

	return len(p), nil
}

func TestMountPointsAreTold(t *testing.T) {
	for folder, want := range map[string]bool{"/proc": true, "/proc/self": false, "/nonexistent": false, t.TempDir(): false} {
		if got := mounted(folder); got != want {
			t.Errorf("%s: got %v, want %v", folder, got, want)
		}
	}
}
