// SPDX-License-Identifier: MPL-2.0

//go:build life

package node_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
)

// Places of the boot loader on a card (docs/installer.md), in bytes. Its file begins with the idblock.
const (
	idblockAt       = 32768
	secondIDBlockAt = 557056
	secondFITAt     = 4194304
	fitAt           = 8388608
)

// onCard has a node installed on a card by its kind: which number it has depends on the kernel.
func onCard(c *v1alpha1.InstallConfig) {
	c.InstallDisk, c.InstallDiskSelector = "", &v1alpha1.InstallDiskSelector{Type: "sd"}
}

// holdsLoader checks that the boot loader NODE_LOADER is on the node's disk, all of it and each part twice, and that the console
// names each.
func (l *life) holdsLoader() {
	l.t.Helper()

	file, err := os.ReadFile(os.Getenv("NODE_LOADER"))
	if err != nil {
		l.t.Fatal(err)
	}

	disk, err := os.Open(l.disk)
	if err != nil {
		l.t.Fatal(err)
	}
	defer disk.Close() // was only read

	idblock, fit := file[:fitAt-idblockAt], file[fitAt-idblockAt:]

	for _, part := range []struct {
		name  string
		at    int64
		bytes []byte // of the file, with what pads it
	}{
		{"second idblock", secondIDBlockAt, idblock},
		{"second FIT", secondFITAt, fit},
		{"idblock", idblockAt, idblock},
		{"FIT", fitAt, fit},
	} {
		line := fmt.Sprintf(`overlay nanopi-m6: /dev/mmcblk\d: %s at byte %d, (\d+) bytes written, sha256 ([0-9a-f]{64})\n`, part.name, part.at)

		said := regexp.MustCompile(line).FindStringSubmatch(l.said())
		if said == nil {
			l.t.Errorf("got no such line on the console, want %s", line)

			continue
		}

		size, err := strconv.Atoi(said[1])
		if err != nil || size > len(part.bytes) {
			l.t.Errorf("got %s bytes of the %s, want at most %d", said[1], part.name, len(part.bytes))

			continue
		}

		got := make([]byte, size)
		if _, err := disk.ReadAt(got, part.at); err != nil {
			l.t.Fatal(err)
		}

		if !bytes.Equal(got, part.bytes[:size]) {
			l.t.Errorf("got other bytes at byte %d of the card, want the loader's %s", part.at, part.name)
		}

		rest := part.bytes[size:]
		if left := len(rest) - bytes.Count(rest, []byte{0}) - bytes.Count(rest, []byte{0xff}); left > 0 {
			l.t.Errorf("got %d bytes of the loader's file left out behind the %s, want nothing but padding left out", left, part.name)
		}

		if digest := fmt.Sprintf("%x", sha256.Sum256(got)); digest != said[2] {
			l.t.Errorf("got SHA-256 %s on the console for the %s, want %s", said[2], part.name, digest)
		}
	}
}

func TestANodeIsInstalledOntoACardWithItsLoader(t *testing.T) {
	l := newLife(t, onCard, "card")
	l.attached = slices.Concat(slot, slot, sd("disk"))

	l.step("install from a USB disk onto an empty card", func(t *testing.T) {
		// No larger than it has to be: QEMU's card writes what it erases, and a card's size is a power of two.
		empty(t, l.disk, 4<<30)

		medium := sum(t, l.medium())

		l.bootWithCard()
		l.configured()
		l.untilOff()
		l.holdsLoader()

		if got := sum(t, l.card); got != medium {
			t.Errorf("got a USB disk with SHA-256 %s after the installation, want %s", got, medium)
		}
	})

	l.step("first boot from the card", func(*testing.T) {
		l.boot(l.disk)
		l.runs("card")
		l.pull()
	})

	l.otherIsKept()
}
