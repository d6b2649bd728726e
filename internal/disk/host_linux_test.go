// SPDX-License-Identifier: MPL-2.0

package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fakeHost is a machine with disks made of files.
type fakeHost struct {
	kernel
	t *testing.T
}

func newHost(t *testing.T) fakeHost {
	t.Helper()

	dir := t.TempDir()
	h := fakeHost{kernel{filepath.Join(dir, "dev"), filepath.Join(dir, "sys"), filepath.Join(dir, "proc")}, t}

	h.write("proc/self/mountinfo", "")
	h.write("proc/swaps", "Filename Type Size Used Priority\n")

	return h
}

func (h fakeHost) write(p, content string) {
	h.t.Helper()

	p = filepath.Join(filepath.Dir(h.Dev), p)
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		h.t.Fatal(err)
	}

	if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// disk adds a disk with partitions.
func (h fakeHost) disk(name string, number int, size int64, removable bool, parts ...string) {
	h.t.Helper()

	h.write("dev/"+name, strings.Repeat("\x00", 1<<16))

	dir := "sys/block/" + name
	h.write(dir+"/size", fmt.Sprint(size/512))
	h.write(dir+"/ro", "0\n")
	h.write(dir+"/queue/logical_block_size", "512\n")
	h.write(dir+"/dev", fmt.Sprintf("8:%d\n", number))
	h.write("sys/class/block/"+name+"/dev", fmt.Sprintf("8:%d\n", number))

	if removable {
		h.write(dir+"/removable", "1\n")
	}

	for n, p := range parts {
		h.write("dev/"+p, "")
		h.write(dir+"/"+p+"/partition", fmt.Sprint(n+1))
		h.write(dir+"/"+p+"/dev", fmt.Sprintf("8:%d\n", number+n+1))
		h.write("sys/class/block/"+p+"/dev", fmt.Sprintf("8:%d\n", number+n+1))
	}
}

// mount adds a mount of a device number.
func (h fakeHost) mount(number, at, source string) {
	h.t.Helper()

	p := filepath.Join(h.Proc, "self/mountinfo")

	b, err := os.ReadFile(p)
	if err != nil {
		h.t.Fatal(err)
	}

	line := fmt.Sprintf("30 1 %s / %s rw,relatime shared:1 - ext4 %s rw\n", number, strings.ReplaceAll(at, " ", `\040`), source)
	if err := os.WriteFile(p, append(b, line...), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

func (h fakeHost) target(name string) Target {
	h.t.Helper()

	t, err := h.Target(filepath.Join(h.Dev, name))
	if err != nil {
		h.t.Fatal(err)
	}

	return t
}

func TestTheDiskTheMachineRunsFromIsRefusedHoweverItIsReached(t *testing.T) {
	for name, c := range map[string]func(h fakeHost){
		"a partition is /":          func(h fakeHost) { h.mount("8:1", "/", "/dev/sda1") },
		"the disk itself is /":      func(h fakeHost) { h.mount("8:0", "/", "/dev/sda") },
		"a partition is /boot":      func(h fakeHost) { h.mount("8:1", "/boot", "/dev/sda1") },
		"btrfs with its own number": func(h fakeHost) { h.mount("0:45", "/", h.Dev+"/sda2") },
		"swap": func(h fakeHost) {
			h.write("proc/swaps", "Filename Type Size Used Priority\n"+h.Dev+"/sda2 partition 1 0 -2\n")
		},
		"LVM over it": func(h fakeHost) {
			h.write("sys/block/sda/sda2/holders/dm-0/dev", "")
			h.write("sys/block/dm-0/dev", "253:0\n")
			h.mount("253:0", "/", "/dev/mapper/root")
		},
		"LVM over crypt over it": func(h fakeHost) {
			h.write("sys/block/sda/sda2/holders/dm-0/dev", "")
			h.write("sys/block/dm-0/dev", "253:0\n")
			h.write("sys/block/dm-0/holders/dm-1/dev", "")
			h.write("sys/block/dm-1/dev", "253:1\n")
			h.mount("253:1", "/nix", "/dev/mapper/nix")
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.disk("sda", 0, 64*gib, false, "sda1", "sda2")
			c(h)

			if err := h.target("sda").Refuse(gib, true); !errors.Is(err, ErrTarget) || !strings.Contains(err.Error(), "this machine runs from it") {
				t.Errorf("%v: got %+v, want %v and %q", err, h.target("sda").Uses, ErrTarget, "this machine runs from it")
			}
		})
	}
}

func TestWhatSpeaksAgainstADiskIsNamed(t *testing.T) {
	for want, c := range map[string]struct {
		spoil func(h fakeHost)
		size  int64
		force bool
	}{
		"is mounted at /media/my card: unmount it": {func(h fakeHost) { h.mount("8:17", "/media/my card", "/dev/sdb1") }, gib, true},
		"is used by": {func(h fakeHost) {
			h.write("sys/block/sdb/sdb1/holders/md0/dev", "")
			h.write("sys/block/md0/dev", "9:0\n")
		}, gib, true},
		"read-only":              {func(h fakeHost) { h.write("sys/block/sdb/ro", "1\n") }, gib, true},
		"sectors of 4096":        {func(h fakeHost) { h.write("sys/block/sdb/queue/logical_block_size", "4096\n") }, gib, true},
		"larger than the medium": {func(fakeHost) {}, 64 * gib, true},
		"not Talos'":             {func(h fakeHost) { h.write("dev/sdb", strings.Repeat("photo", 20_000)) }, gib, false},
	} {
		h := newHost(t)
		h.disk("sdb", 16, 32*gib, true, "sdb1")

		if err := h.target("sdb").Refuse(gib, false); err != nil {
			t.Fatalf("a blank one: %v", err)
		}

		c.spoil(h)

		if err := h.target("sdb").Refuse(c.size, c.force); !errors.Is(err, ErrTarget) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}

		if c.force {
			continue
		}

		if err := h.target("sdb").Refuse(c.size, true); err != nil {
			t.Errorf("allowed by word: %v", err)
		}
	}
}

func TestAPartitionLeadsToItsDisk(t *testing.T) {
	h := newHost(t)
	h.disk("mmcblk0", 0, 32*gib, false, "mmcblk0p1")

	if _, err := h.Target(filepath.Join(h.Dev, "mmcblk0p1")); !errors.Is(err, ErrTarget) || !strings.Contains(err.Error(), "name the whole disk, "+h.Dev+"/mmcblk0") {
		t.Errorf("got %v, want %v and %q", err, ErrTarget, "name the whole disk, "+h.Dev+"/mmcblk0")
	}

	if _, err := h.Target(filepath.Join(h.Dev, "nothing")); err == nil {
		t.Errorf("a disk that is not there: got no error, want one")
	}

	h.write("dev/null", "")

	if _, err := h.Target(filepath.Join(h.Dev, "null")); !errors.Is(err, ErrTarget) {
		t.Errorf("got %v, want %v", err, ErrTarget)
	}
}

func TestCandidatesAreRemovableOnesFirst(t *testing.T) {
	h := newHost(t)
	h.disk("nvme0n1", 0, 500*gib, false)
	h.disk("sda", 16, 500*gib, false)
	h.disk("sdb", 32, 32*gib, true)
	h.disk("sdc", 48, 0, true) // an empty card reader
	h.disk("loop0", 64, gib, false)
	h.disk("mmcblk0boot0", 80, 4<<20, false)
	h.disk("dm-0", 96, gib, false)

	list, err := h.Targets()
	if err != nil {
		t.Fatal(err)
	}

	var names []string
	for _, d := range list {
		names = append(names, filepath.Base(d.Path))
	}

	if !slices.Equal(names, []string{"sdb", "nvme0n1", "sda"}) {
		t.Errorf("got %q, want sdb, nvme0n1, sda", names)
	}
}

func TestUnmountingLeavesTheSystemAlone(t *testing.T) {
	h := newHost(t)
	h.disk("sdb", 16, 32*gib, true, "sdb1", "sdb2")
	h.mount("8:17", "/media/card", "/dev/sdb1")
	h.mount("8:17", "/media/card/inner", "/dev/sdb1")
	h.mount("8:18", "/boot", "/dev/sdb2")

	card := h.target("sdb")

	var done []string

	if err := h.unmount(&card, func(p string) error {
		done = append(done, p)

		return nil
	}); err != nil || !slices.Equal(done, []string{"/media/card/inner", "/media/card"}) {
		t.Errorf("got %v, %v; want /media/card/inner, then /media/card", done, err)
	}

	if err := h.unmount(&card, func(string) error { return unix.EBUSY }); !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), "/media/card") {
		t.Errorf("got %v, want %v and %q", err, unix.EBUSY, "/media/card")
	}
}

func TestWhatCannotBeWrittenToIsRefusedOnOpening(t *testing.T) {
	dir := t.TempDir()
	odd := filepath.Join(dir, "odd")

	if err := os.WriteFile(odd, make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}

	for _, p := range []string{dir, odd, "/dev/null", filepath.Join(dir, "absent")} {
		if d, err := Open(p); err == nil {
			t.Errorf("opened %s: %v: got no error, want one", p, d)
		}
	}
}
