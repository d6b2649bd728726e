// SPDX-License-Identifier: MPL-2.0

// initramfs-modules writes a Talos initramfs anew, with one kernel's modules in place of those in its root file system.
// Everything else keeps its bytes, labels, modes and names: the squashfs is streamed, never unpacked, because an unprivileged
// build could not set its files' labels and owners.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

func main() {
	cmd := &cobra.Command{
		Use:   "initramfs-modules INITRAMFS MODULES OUTPUT",
		Short: "Put a kernel's modules into a Talos initramfs",
		Long: "Write INITRAMFS (newc archives, plain, xz or zstd) to OUTPUT (one archive,\n" +
			"zstd), with the modules of MODULES/RELEASE, one kernel's, in its root file\n" +
			"system.\n\n" +
			"SOURCE_DATE_EPOCH is the time of what is new, NIX_BUILD_CORES how many cores\n" +
			"pack.\n" +
			"Needs depmod, sqfs2tar and tar2sqfs.",
		Args:          cobra.ExactArgs(3),
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
			if err != nil {
				return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
			}

			cores := os.Getenv("NIX_BUILD_CORES")
			if cores == "" {
				cores = "1"
			}

			return programs(cores).replace(cmd.Context(), args[0], args[1], args[2], time.Unix(epoch, 0))
		},
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	if err := cmd.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "initramfs-modules: %v\n", err)
		os.Exit(1)
	}
}
