// SPDX-License-Identifier: MPL-2.0

package disk

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestALoopDeviceOverADiskIsAUseOfIt(t *testing.T) {
	h := newHost(t)
	h.disk("loop0", 0, gib, false)
	h.disk("loop1", 16, gib, false)
	h.write("card.raw", "a card")

	card := filepath.Join(filepath.Dir(h.Dev), "card.raw")
	h.write("sys/block/loop0/loop/backing_file", card+"\n")

	if uses := h.target("loop0").Uses; len(uses) > 0 {
		t.Fatalf("one alone: got uses %v, want none", uses)
	}

	h.write("sys/block/loop1/loop/backing_file", card+"\n")
	h.mount("8:16", "/mnt/inner", "/dev/loop1")

	if err := h.target("loop0").Refuse(0, true); err == nil || !strings.Contains(err.Error(), "loop1, which is mounted at /mnt/inner") {
		t.Errorf("got %v, want %q", err, "loop1, which is mounted at /mnt/inner")
	}

	// The file itself, written to in the disk's place.
	d, err := Open(card)
	if err == nil {
		t.Fatalf("got 6 bytes taken for a disk %v, want one", d)
	}

	if err := os.Truncate(card, 1<<20); err != nil {
		t.Fatal(err)
	}

	if d, err = Open(card); err != nil {
		t.Fatal(err)
	}
	defer d.Close()

	target, err := h.Of(d)
	if err != nil || len(target.Uses) != 2 || target.Refuse(0, true) == nil {
		t.Errorf("got %+v, %v; want two uses and a refusal", target, err)
	}

	if !h.Same(card, filepath.Join(filepath.Dir(card), ".", "card.raw")) || h.Same(card, h.Dev+"/loop0") || h.Same(card, "/nonexistent") {
		t.Error("got two names of a file for two files, or two files for one; want them told apart")
	}
}

func TestWhatIsMountedBelowASystemsPlaceIsTheSystems(t *testing.T) {
	for mount, want := range map[string]bool{
		"/": true, "/usr/local": true, "/var/lib/docker": true, "/boot/firmware": true, "/home/me": true, "/run/live/medium": true,
		"/media/card": false, "/mnt": false, "/run/media/me/card": false, "/users": false,
	} {
		if got := isSystem(mount); got != want {
			t.Errorf("%s: got %v, want %v", mount, got, want)
		}
	}
}

func TestWhatOnlyADisksEndTellsIsSeen(t *testing.T) {
	const size = 8 << 20

	for name, c := range map[string]struct {
		at   int64
		data string
		want string
	}{
		"a second table without a first": {size - 512, "EFI PART", "first copy is gone"},
		"a member of a RAID, 1.0":        {size - 8<<10, "\xfc\x4e\x2b\xa9", "RAID"},
		"something in the middle":        {size / 2, "photo", "not known"},
		"blank":                          {0, "", ""},
	} {
		f, err := os.Create(filepath.Join(t.TempDir(), "disk"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()

		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}

		if _, err := f.WriteAt([]byte(c.data), c.at); err != nil {
			t.Fatal(err)
		}

		got, known := remains(f, size)
		if known != (c.want == "") || !strings.Contains(strings.Join(got, ""), c.want) {
			t.Errorf("%s: got %v, %v, want %q", name, got, known, c.want)
		}
	}
}

func TestTheDiskThatWasOpenedIsTheOneThatIsWritten(t *testing.T) {
	dir := t.TempDir()
	card, other := filepath.Join(dir, "card"), filepath.Join(dir, "other")
	photos := bytes.Repeat([]byte("photo123"), 1<<10)

	for p, b := range map[string][]byte{card: make([]byte, 8<<10), other: photos} {
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	d, err := Open(card)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()

	if err := os.Rename(other, card); err != nil { // another one takes its name
		t.Fatal(err)
	}

	if _, err := d.WriteAt(Aligned(4096), 0); err != nil {
		t.Fatal(err)
	}

	if got, err := os.ReadFile(card); err != nil || !bytes.Equal(got, photos) {
		t.Errorf("the other one: got %.20q (%v), want it as it was", got, err)
	}
}

func TestWhoMayNotIsToldOfRights(t *testing.T) {
	if err := rights(&fs.PathError{Op: "open", Path: "/dev/sdX", Err: unix.EACCES}); !strings.Contains(err.Error(), "sudo") {
		t.Errorf("got %v, want %q", err, "sudo")
	}

	denied := Target{Path: "/dev/sdX", Size: gib, SectorSize: 512, Denied: true}
	if err := denied.Refuse(0, false); err == nil || !strings.Contains(err.Error(), "sudo") || strings.Contains(err.Error(), "--overwrite") {
		t.Errorf("got %v, want sudo as the hint, not --overwrite", err)
	}
}

func TestALockedDiskIsWaitedForAndRefused(t *testing.T) {
	wait := lockWait
	lockWait = 50 * time.Millisecond

	defer func() { lockWait = wait }()

	p := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(p, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}

	first, err := Share(p)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := Share(p); !errors.Is(err, ErrBusy) {
		t.Errorf("locked: got %v, want %v", err, ErrBusy)
	}

	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second, err := Share(p)
	if err != nil {
		t.Fatal(err)
	}

	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
