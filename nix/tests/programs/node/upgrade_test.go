// SPDX-License-Identifier: MPL-2.0

//go:build life

package node_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Keys of a terminal.
const (
	keyUp     = "\x1b[A"
	keyDown   = "\x1b[B"
	keyReturn = "\r"
)

// chooseOther waits for the menu of a disk's GRUB, in which a person has three seconds, and chooses the entry beside the
// default, A or B.
func (l *life) chooseOther(disk string) {
	l.t.Helper()

	chosen, entries, err := menu(disk)
	if err != nil {
		l.t.Fatal(err)
	}

	key := keyDown
	if entries[0].name != chosen {
		key = keyUp // behind the second is the one that resets the node
	}

	for deadline := time.Now().Add(patience); !strings.Contains(l.firmwareSaid(), "The highlighted entry will be executed"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatal("got no menu of GRUB, want one")
		}
	}

	if _, err := io.WriteString(l.plug, key+keyReturn); err != nil {
		l.t.Fatal(err)
	}
}

// broken makes disk a copy of the node's, upgraded from version two to one that does not start.
func (l *life) broken(version, disk string) {
	l.t.Helper()
	l.pull()
	copied(l.t, l.disk, disk)
	l.boot(disk)
	l.runs("two")
	l.upgraded("installer:" + version)
}

// again is a disk to try on.
func (l *life) again(disk string) string {
	l.t.Helper()

	tried := filepath.Join(l.dir, "tried.raw")
	copied(l.t, disk, tried)

	return tried
}

func TestANodeOutlivesUpgradesThatDoNotGetThrough(t *testing.T) {
	l := newLife(t, onNVMe, "two", "panics")
	panics := filepath.Join(l.dir, "panics.raw")

	l.flashed()

	l.step("the registry is gone halfway: the old version runs on, and the upgrade goes on when it is back", func(t *testing.T) {
		l.up("none")
		l.registry.cutAfter(20 << 20)

		upgraded := make(chan error, 1)
		go func() { upgraded <- l.upgrade("installer:two", patience) }()

		l.until("the way to the registry", func(context.Context) error {
			if len(upgraded) > 0 {
				t.Fatalf("upgrade: got an end (%v), want it to pull", <-upgraded)
			}

			if !l.registry.isCut() {
				return errors.New("got one, want it cut in the middle of the image")
			}

			return nil
		})
		l.runs("none")
		l.registry.cutAfter(-1)

		if err := <-upgraded; err != nil {
			t.Fatalf("upgrade: %v", err)
		}

		l.untilOff()
		l.boot(l.disk)
		l.runs("two")
	})

	l.step("BOOT has no room: the old version starts", func(t *testing.T) {
		l.pull()

		full := l.again(l.disk)
		fillBoot(t, full)
		l.boot(full)
		l.runs("two")

		// By its events alone the API tells what becomes of an upgrade.
		if err := l.upgrade("installer:panics", patience); err != nil {
			t.Fatalf("upgrade: %v", err)
		}

		l.untilSaid("no space left on device")
		l.untilOff()
		l.boot(full)
		l.runs("two")
		l.pull()
	})

	l.step("a kernel that panics is started again and again", func(*testing.T) {
		l.broken("panics", panics)

		l.boot(panics)
		l.untilSaid("Kernel panic - not syncing")
		l.untilOff()
		l.boot(panics)
		l.untilSaid("Kernel panic - not syncing")
		l.pull()
	})

	l.step("with a serial cable: GRUB's other entry, and rollback", func(*testing.T) {
		tried := l.again(panics)
		l.boot(tried)
		l.chooseOther(tried)
		l.runs("two")
		l.rollback()
		l.boot(tried)
		l.runs("two")
		l.pull()
	})

	l.step("with a Linux computer: default and fallback exchanged in grub.cfg", func(t *testing.T) {
		want, err := started(l.disk)
		if err != nil {
			t.Fatal(err)
		}

		tried := l.again(panics)
		if got, err := started(tried); err != nil || got == want {
			t.Fatalf("got %v (%v) on the disk with the version that panics, want another one than before the upgrade", got, err)
		}

		exchangeDefault(t, tried)

		if got, err := started(tried); err != nil || got != want {
			t.Errorf("got %v (%v), want what was started before the upgrade: %v", got, err, want)
		}
	})

	l.otherIsKept()
}
