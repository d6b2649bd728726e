// SPDX-License-Identifier: MPL-2.0

//go:build life

package node_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/client"
)

// silence is how long a console says nothing until that counts. Talos' init says something within a second.
const silence = 20 * time.Second

// shutdown asks for a shutdown, and waits for it.
func (l *life) shutdown() {
	l.t.Helper()
	l.tell("shutdown", func(ctx context.Context, c *client.Client) error { return c.Shutdown(ctx) })
	l.untilOff()
}

// hangsInItsInit waits for an init that does not end, and checks that it is not Talos'.
func (l *life) hangsInItsInit() {
	l.t.Helper()

	const start = "Run /init as init process"

	l.untilSaid(start)

	said, since := "", time.Now()

	l.until("silence", func(context.Context) error {
		if now := l.said(); now != said {
			said, since = now, time.Now()
		}

		if time.Since(since) < silence {
			return fmt.Errorf("got a console that said something less than %v ago, want silence", silence)
		}

		return nil
	})

	_, after, _ := strings.Cut(said, start)
	for _, unwanted := range []string{"[talos]", "Kernel panic"} {
		if strings.Contains(after, unwanted) {
			l.t.Errorf("got %q after %q, want an init that hangs:\n%s", unwanted, start, after)
		}
	}
}

// GRUB counts no starts, and a person need not have a serial cable.
func TestAPersonBringsBackANodeWhoseNewVersionHangs(t *testing.T) {
	l := newLife(t, onNVMe, "waits", "hangs")

	l.flashed()

	l.step("upgrade to a version whose kernel hangs before its init", func(*testing.T) {
		l.up("none")
		l.upgraded("installer:waits")
		l.boot(l.disk)
		l.untilSaid("Waiting for root device")
		l.pull()
	})

	l.step("with a Linux computer: default and fallback exchanged in grub.cfg", func(t *testing.T) {
		exchangeDefault(t, l.disk)
		l.boot(l.disk)
		l.runs("none")
	})

	l.step("upgrade to a version whose initramfs hangs, at every start", func(*testing.T) {
		l.up("none")
		l.upgraded("installer:hangs")

		for range 2 {
			l.boot(l.disk)
			l.hangsInItsInit()
			l.pull()
		}
	})

	l.step("with a card: Talos from it, rollback, shutdown, and the card out", func(t *testing.T) {
		want := sum(t, l.card)
		card := slices.Concat(raw("card", l.card), slot, slot, sd("card"))

		l.boot(l.disk, card...)
		l.runs("none")
		l.rollback()
		// The card is searched first still.
		l.boot(l.disk, card...)
		l.runs("none")
		l.shutdown()

		if got := sum(t, l.card); got != want {
			t.Errorf("got a card with SHA-256 %s afterwards, want %s", got, want)
		}

		l.boot(l.disk)
		l.runs("none")
		l.pull()
	})

	l.otherIsKept()
}
