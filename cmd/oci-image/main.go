// SPDX-License-Identifier: MPL-2.0

// oci-image makes an OCI image layout of directories, pushes one to a registry, and takes the time of day from an archive.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"talos-nanopi-m6/internal/oci"
)

func main() {
	root := &cobra.Command{
		Use:           "oci-image",
		Short:         "Make OCI images of directories, bit-for-bit the same every time, and push them",
		SilenceUsage:  true,
		SilenceErrors: true,
	}

	root.AddCommand(buildCommand(), pushCommand(), settleCommand())

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "oci-image: %v\n", err)
		os.Exit(1)
	}
}

func buildCommand() *cobra.Command {
	var platforms, annotations, entrypoint []string

	cmd := &cobra.Command{
		Use:     "build --platform linux/ARCH=DIR... LAYOUT",
		Short:   "Write an OCI image layout with one image for each platform",
		Long:    "Write an OCI image layout with one image for each platform.\n\nThe only time in it is SOURCE_DATE_EPOCH's, or the epoch.",
		Example: "  oci-image build --platform linux/amd64=./amd64 \\\n    --platform linux/arm64=./arm64 overlay",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			created, err := sourceDate()
			if err != nil {
				return err
			}

			dirs, err := pairs("platform", platforms)
			if err != nil {
				return err
			}

			notes, err := pairs("annotation", annotations)
			if err != nil {
				return err
			}

			index, err := oci.Index(dirs, oci.ImageOptions{Annotations: notes, Entrypoint: entrypoint, Created: created})
			if err != nil {
				return err
			}

			if err := oci.WriteLayout(args[0], index); err != nil {
				return err
			}

			digest, err := index.Digest()
			if err != nil {
				return err
			}

			fmt.Fprintln(cmd.OutOrStdout(), digest)

			return nil
		},
	}

	cmd.Flags().StringArrayVar(&platforms, "platform", nil, "`OS/ARCH=DIR` of files (repeat for each)")
	cmd.Flags().StringArrayVar(&annotations, "annotation", nil, "a `KEY=VALUE` on index and images (repeat for each)")
	cmd.Flags().StringArrayVar(&entrypoint, "entrypoint", nil, "`PROGRAM` that a container runs (repeat for its arguments)")
	cobra.CheckErr(cmd.MarkFlagRequired("platform"))

	return cmd
}

func pushCommand() *cobra.Command {
	options := oci.PushOptions{Wait: time.Second}

	cmd := &cobra.Command{
		Use:   "push LAYOUT REPOSITORY",
		Short: "Push an OCI image layout to a registry",
		Long: "Push an OCI image layout to a registry, by digest and with tags.\n\n" +
			"Credentials are Docker's (docker login; DOCKER_CONFIG or ~/.docker/config.json).\n" +
			"Prints the reference by digest.",
		Example: "  oci-image push overlay registry.example/me/nanopi-m6 --tag v1.0.0 --tag latest",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			options.Repository = args[1]
			options.Progress = percent(cmd.ErrOrStderr())

			byDigest, err := oci.Push(cmd.Context(), args[0], options)
			if err != nil {
				return err
			}

			fmt.Fprintln(cmd.OutOrStdout(), byDigest)

			return nil
		},
	}

	cmd.Flags().StringArrayVar(&options.Tags, "tag", nil, "`TAG` to set (repeat for each)")
	cmd.Flags().BoolVar(&options.Insecure, "insecure", false, "allow plain HTTP (loopback addresses need no leave)")
	cmd.Flags().IntVar(&options.Attempts, "attempts", 5, "how often a request is tried")

	return cmd
}

func settleCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "settle ARCHIVE OUTPUT",
		Short: "Take the time of day from an image archive",
		Long: "Copy an archive of one image (docker save). The only time in its configuration\n" +
			"and history is SOURCE_DATE_EPOCH's, or the epoch.",
		Example: "  oci-image settle installer-arm64.tar settled.tar",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			created, err := sourceDate()
			if err != nil {
				return err
			}

			return oci.Settle(args[0], args[1], created)
		},
	}
}

// percent tells a person how far it is, a line for every tenth.
func percent(w io.Writer) func(complete, total int64) {
	told := int64(-1)

	return func(complete, total int64) {
		if tenth := complete * 10 / max(total, 1); tenth > told {
			told = tenth

			fmt.Fprintf(w, "%3d%% of %d bytes\n", tenth*10, total)
		}
	}
}

// pairs reads KEY=VALUE arguments. (pflag's StringToString splits values at commas.)
func pairs(flag string, args []string) (map[string]string, error) {
	values := map[string]string{}

	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok || key == "" || value == "" {
			return nil, fmt.Errorf("--%s %q is not of the form KEY=VALUE", flag, arg)
		}

		if _, ok := values[key]; ok {
			return nil, fmt.Errorf("--%s %s is given twice", flag, key)
		}

		values[key] = value
	}

	return values, nil
}

func sourceDate() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Unix(0, 0).UTC(), nil
	}

	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH=%q: want a number of seconds since 1970", text)
	}

	return time.Unix(seconds, 0).UTC(), nil
}
