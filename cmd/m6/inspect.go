// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/inspect/render"
)

func inspectCommand() *cobra.Command {
	var svg string

	c := &cobra.Command{
		Use:   "inspect IMAGE|DEVICE|ARTIFACT",
		Short: "Show what is in an image, on a device or in an artifact",
		Long: "Shows what is in a disk image (raw, .zst, .xz), on a block device, in a boot loader (u-boot-rockchip.bin, idbloader.img,\n" +
			"u-boot.itb), a device tree, a kernel, or an overlay (a directory or an OCI layout): boot loader stages and versions, FIT images,\n" +
			"partitions, files, GRUB's entries, kernel, Talos and modules, and a map of the disk to scale.\n\n" +
			"It judges nothing; m6 verify does.",
		Example: "  m6 inspect metal-arm64.raw.zst\n  m6 inspect --svg map.svg /dev/sdb\n  m6 inspect -o json u-boot-rockchip.bin",
		Args:    cobra.ExactArgs(1),
	}

	format := outputFlag(c)
	c.Flags().StringVar(&svg, "svg", "", "also draw the map to this file")

	c.RunE = func(c *cobra.Command, args []string) error {
		r, err := inspect.Path(c.Context(), args[0])
		if err != nil {
			return withCode(exitInput, err)
		}

		if svg != "" {
			if err := writeSVG(svg, r); errors.Is(err, disk.ErrSame) || errors.Is(err, disk.ErrTarget) {
				return withCode(exitRefused, err)
			} else if err != nil {
				return withCode(exitFailed, err)
			}
		}

		if *format == outputJSON {
			return withCode(exitFailed, writeJSON(c.OutOrStdout(), r))
		}

		return withCode(exitFailed, render.Text(c.OutOrStdout(), r, width(c.OutOrStdout())))
	}

	return c
}

func writeSVG(path string, r *inspect.Report) error {
	if len(r.Regions) == 0 {
		return fmt.Errorf("%s: not a disk: there is no map of it to draw", r.Source)
	}

	f, err := createOutput(path, r.Source)
	if err != nil {
		return err
	}

	return errors.Join(render.SVG(f, r), f.Close())
}
