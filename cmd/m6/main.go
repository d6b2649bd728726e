// SPDX-License-Identifier: MPL-2.0

// Command m6 inspects, verifies, flashes and boots Talos images for the NanoPi M6.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"talos-nanopi-m6/internal/inspect/initramfs"
)

func main() {
	initramfs.Confined()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)

	err := root().ExecuteContext(ctx)
	interrupted := ctx.Err() != nil

	stop()

	if err != nil && !errors.Is(err, errSaid) {
		fmt.Fprintln(os.Stderr, "m6:", err)
	}

	os.Exit(exitCode(err, interrupted))
}
