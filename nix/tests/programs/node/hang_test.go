// SPDX-License-Identifier: MPL-2.0

//go:build life

package node_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/client"
)

// shutdown asks for a shutdown, and waits for it.
func (l *life) shutdown() {
	l.t.Helper()
	l.tell("shutdown", func(ctx context.Context, c *client.Client) error { return c.Shutdown(ctx) })
	l.untilOff()
}

// GRUB counts no starts, and a person need not have a serial cable.
func TestAPersonBringsBackANodeWhoseNewVersionHangs(t *testing.T) {
	l := newLife(t, nvme, "hangs")
	tried := filepath.Join(l.dir, "tried.raw")

	l.flashed()

	l.step("upgrade to a version that hangs before its init, at every start", func(*testing.T) {
		l.up("none")
		l.upgraded("installer:hangs")

		for range 2 {
			l.boot(l.disk)
			l.untilSaid("Waiting for root device")
			l.pull()
		}
	})

	l.step("with a Linux computer: default and fallback exchanged in grub.cfg", func(t *testing.T) {
		copied(t, l.disk, tried)
		exchangeDefault(t, tried)
		l.boot(tried)
		l.runs("none")
		l.pull()
	})

	l.step("with a card: Talos from it, rollback, shutdown, and the card out", func(t *testing.T) {
		copied(t, l.disk, tried)

		want := sum(t, l.card)
		card := slices.Concat(raw("card", l.card), slot, slot, sd("card"))

		l.boot(tried, card...)
		l.runs("none")
		l.rollback()
		// The card is searched first still.
		l.boot(tried, card...)
		l.runs("none")
		l.shutdown()

		if got := sum(t, l.card); got != want {
			t.Errorf("got a card with SHA-256 %s afterwards, want %s", got, want)
		}

		l.boot(tried)
		l.runs("none")
		l.pull()
	})

	l.otherIsKept()
}
