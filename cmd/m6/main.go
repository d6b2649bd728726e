// SPDX-License-Identifier: MPL-2.0

// Command m6 inspects, verifies, flashes and boots Talos images for the NanoPi M6.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/inspect/initramfs"
)

func main() {
	initramfs.Confined()
	os.Exit(run(context.Background(), root()))
}

// patience is how long a command may take to end by itself after the first signal, as long as it changes nothing.
const patience = 700 * time.Millisecond

// memory is what the garbage collector keeps m6 below as long as it can, in bytes; what is alive at once is bounded where it is
// read. docs/m6.md states the cap, which a test measures.
const memory = 256 << 20

// abandoned says what a second signal leaves.
func abandoned(c *cobra.Command) int {
	if disk.Writing() {
		fmt.Fprintln(c.ErrOrStderr(), "m6: ended in the middle of writing: what is on the medium is not certain: run the command again")
	}

	return exitInterrupted
}

// run runs a command line. The first signal ends it, what waits and what reads within a second; what writes to a medium comes
// to an end of its own, and says in which state that is. A second signal kills.
func run(ctx context.Context, c *cobra.Command) int {
	debug.SetMemoryLimit(memory)

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)

	defer signal.Stop(signals)

	done := make(chan error, 1)

	go func() { done <- c.ExecuteContext(ctx) }()

	var err error

	select {
	case err = <-done:
	case s := <-signals:
		cancel(fmt.Errorf("interrupted (%s)", s))

		select {
		case err = <-done:
		case <-signals:
			return abandoned(c)
		case <-time.After(patience):
			if !disk.Writing() {
				err = context.Cause(ctx)

				break
			}

			fmt.Fprintln(c.ErrOrStderr(), "m6: interrupted: what is being written comes to an end first; a second signal does not wait for that")

			select {
			case err = <-done:
			case <-signals:
				return abandoned(c)
			}
		}
	}

	if err != nil && !errors.Is(err, errSaid) {
		fmt.Fprintln(c.ErrOrStderr(), "m6:", err)
	}

	return exitCode(err, ctx.Err() != nil)
}
