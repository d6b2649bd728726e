// SPDX-License-Identifier: MPL-2.0

// pin adds an official Talos release to nix/talos/releases.json: the hashes of what an image takes of it, once what
// vouches for them was verified.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitFailed = 1 // not verified, or not to be had: nothing is written
	exitUsage  = 2
)

// errUsage marks a wrong call.
var errUsage = errors.New("wrong call")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	err := command().ExecuteContext(ctx)
	if err == nil {
		return
	}

	fmt.Fprintf(os.Stderr, "pin: %v\n", err)

	if errors.Is(err, errUsage) {
		os.Exit(exitUsage)
	}

	os.Exit(exitFailed)
}

func command() *cobra.Command {
	p := &pinner{
		releases: "https://github.com/siderolabs/talos/releases/download",
		client:   secureClient(),
		run:      run,
		labels:   func(ctx context.Context, reference string) (map[string]string, error) { return labels(ctx, reference) },
		now:      time.Now,
		wait:     2 * time.Second,
	}

	cmd := &cobra.Command{
		Use:   "pin vX.Y.Z",
		Short: "Add a Talos release to nix/talos/releases.json",
		Long: "Takes the hashes of a release's initramfs, kernel and talosctl from its\n" +
			"sha256sum.txt, once its Sigstore bundle verified and its initramfs turned out\n" +
			"to be of that version. Needs cosign; --installer-base needs nix-prefetch-docker.\n\n" +
			"Exit codes: 0 written or already there, 1 not verified or not to be had\n" +
			"(nothing is written), 2 wrong call.",
		Example:       "  pin v1.10.9\n  pin v1.14.1 --installer-base",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || !isVersion(args[0]) {
				return fmt.Errorf("%w: want one version such as v1.10.9", errUsage)
			}

			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			p.out = cmd.OutOrStdout()

			return p.pin(cmd.Context(), args[0])
		},
	}

	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errUsage, err) })
	cmd.Flags().StringVar(&p.table, "table", "nix/talos/releases.json", "the table")
	cmd.Flags().BoolVar(&p.base, "installer-base", false, "also the image that installerImage is made of")
	cmd.Flags().BoolVar(&p.unsigned, "unsigned", false, "take a release without a Sigstore bundle on HTTPS alone")

	return cmd
}

// run runs a program and gives its output; what it says on standard error is shown.
func run(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr

	return cmd.Output()
}
