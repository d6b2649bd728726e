// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"talos-nanopi-m6/internal/flash"
	"talos-nanopi-m6/internal/flash/maskrom"
	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/inspect/render"
	"talos-nanopi-m6/internal/medium"
	"talos-nanopi-m6/internal/rockchip"
	"talos-nanopi-m6/internal/verify"
)

// untried stands in the help and before every run.
const untried = "Not tried on hardware yet: tested against a program that stands in for rkdeveloptool."

// recovery is one run of m6 recover.
type recovery struct {
	tool    maskrom.Tool
	loader  string
	storage string
	wait    time.Duration
	yes     bool
	verify  verify.Options

	in  io.Reader
	say io.Writer
}

func recoverCommand() *cobra.Command {
	r := &recovery{}

	c := &cobra.Command{
		Use:   "recover IMAGE|u-boot-rockchip.bin|u-boot-rockchip-spi.bin",
		Short: "Write to a board that does not start, over USB (MaskROM)",
		Long: "Leads a board that does not start any more back: over USB, through Rockchip's rkdeveloptool, it writes a disk image or a boot\n" +
			"loader to the eMMC or the SPI flash, compares it, and starts the board.\n\n" +
			"The mask ROM first needs a program that starts the memory and then answers on USB, --loader: rk3588_spl_loader_….bin, which rkbin's\n" +
			"boot_merger makes of the DDR blob and usbplug (docs/board.md).\n\n" + untried,
		Example: "  m6 recover --loader spl_loader.bin metal-arm64.raw.zst\n" +
			"  m6 recover --loader spl_loader.bin --storage spi u-boot-rockchip-spi.bin",
		Args: cobra.ExactArgs(1),
	}

	verifyFlags(c, &r.verify)
	c.Flags().StringVar(&r.tool.Program, "rkdeveloptool", "rkdeveloptool", "Rockchip's tool")
	c.Flags().StringVar(&r.loader, "loader", "", "what the mask ROM is given first (not needed when it already answers as \"Loader\")")
	c.Flags().StringVar(&r.storage, "storage", "", "what is written to: "+strings.Join(storageNames(), ", ")+" (default: what the loader chooses, the eMMC)")
	c.Flags().DurationVar(&r.wait, "wait", time.Minute, "how long to wait for the board on USB")
	c.Flags().BoolVarP(&r.yes, "yes", "y", false, "do not ask")

	if err := c.RegisterFlagCompletionFunc("storage", cobra.FixedCompletions(storageNames(), cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was added above
	}

	c.RunE = func(c *cobra.Command, args []string) error {
		r.in, r.say = c.InOrStdin(), c.ErrOrStderr()

		return r.run(c.Context(), args[0])
	}

	return c
}

func storageNames() []string { return slices.Sorted(maps.Keys(maskrom.Storages)) }

// run goes through the steps.
func (r *recovery) run(ctx context.Context, name string) error {
	if r.storage != "" && !slices.Contains(storageNames(), r.storage) {
		return fmt.Errorf("--storage %s: want one of %s", r.storage, strings.Join(storageNames(), ", "))
	}

	fmt.Fprintln(r.say, untried)

	// Everything that can be looked at comes before the board is touched.
	result, d, err := verify.Open(ctx, name, r.verify)
	if err != nil {
		return withCode(exitInput, err)
	}
	defer d.Close() // read only

	if err := r.fits(result); err != nil {
		return withCode(exitInput, fmt.Errorf("%s: %w", name, err))
	}

	if err := r.reach(ctx); err != nil {
		return withCode(exitFailed, err)
	}

	dir, err := os.MkdirTemp("", "m6-recover-")
	if err != nil {
		return withCode(exitFailed, err)
	}
	defer os.RemoveAll(dir) // best effort

	m, err := r.tool.Open(ctx, dir)
	if err != nil {
		return withCode(exitFailed, err)
	}

	write, err := r.plan(m, name, result.Report.Kind, d)
	if err != nil {
		return withCode(exitRefused, err)
	}

	if err := r.agree(ctx, m, name); err != nil {
		return withCode(exitRefused, err)
	}

	if err := write(ctx); err != nil {
		return withCode(exitMedium, err)
	}

	clearLine(r.say)
	fmt.Fprintln(r.say, "Written and compared.")

	if err := r.tool.Reset(ctx); err != nil {
		return withCode(exitFailed, err)
	}

	fmt.Fprintln(r.say, "The board starts now.")

	return nil
}

// plan judges what is to be written where, and gives what does it.
func (r *recovery) plan(m *maskrom.Medium, name string, kind inspect.Kind, d *image.Disk) (func(context.Context) error, error) {
	if kind == inspect.KindDisk {
		return func(ctx context.Context) error {
			o := flash.Options{Verify: r.verify, Progress: newProgress(r.say).show, NoScan: true}
			_, err := flash.Write(ctx, m, flash.Source{Name: name, Disk: d}, o)

			return err
		}, nil
	}

	layout := rockchip.MMC
	if kind == inspect.KindSPILoader {
		layout = rockchip.SPI
	}

	if d.Size > maxLoader {
		return nil, fmt.Errorf("%s: %d bytes, a boot loader has at most %d", name, d.Size, maxLoader)
	}

	b := make([]byte, d.Size)
	if n, err := d.ReadAt(b, 0); n < len(b) {
		return nil, err
	}

	loader, err := rockchip.ParseLoader(b, layout)
	if err != nil {
		return nil, err
	}

	if kind == inspect.KindLoader {
		if _, err := medium.CheckRoom(m, layout.IDBlock, loader.End()); err != nil {
			return nil, err
		}
	}

	parts, err := medium.LoaderParts(m, loader)
	if err != nil {
		return nil, err
	}

	return func(ctx context.Context) error {
		if err := ctx.Err(); err != nil {
			return err
		}

		_, err := medium.Update(m, parts)

		return err
	}, nil
}

// maxLoader is the largest boot loader, in bytes: all that SPI flash holds.
const maxLoader = 16 << 20

// fits refuses what would not start the board, and what does not belong on the storage.
func (r *recovery) fits(v *verify.Result) error {
	if err := flash.Refusal(v); err != nil {
		return err
	}

	spi := r.storage == "spi"

	switch v.Report.Kind {
	case inspect.KindDisk, inspect.KindLoader:
		if spi {
			return fmt.Errorf("a %s is not for SPI flash: take %s", v.Report.Kind, rockchip.SPI.File)
		}
	case inspect.KindSPILoader:
		if !spi {
			return fmt.Errorf("a %s is for SPI flash: --storage spi, or take %s", v.Report.Kind, rockchip.MMC.File)
		}
	default:
		return fmt.Errorf("a %s cannot start a board", v.Report.Kind)
	}

	return nil
}

// reach finds the board and has it answer.
func (r *recovery) reach(ctx context.Context) error {
	b, err := r.find(ctx)
	if err != nil {
		return err
	}

	fmt.Fprintf(r.say, "Found the board: %s:%s, %s.\n", b.Vendor, b.Product, b.Mode)

	if b.Mode == maskrom.MaskROM {
		if r.loader == "" {
			return errors.New("the mask ROM answers: it needs --loader, a program that starts the memory and answers on USB (docs/board.md, MaskROM)")
		}

		fmt.Fprintln(r.say, "Starting its memory…")

		if err := r.tool.Start(ctx, r.loader); err != nil {
			return err
		}

		// The board leaves USB and comes back as another device.
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(settle):
		}

		if b, err = r.find(ctx); err != nil {
			return fmt.Errorf("after %s was started: %w", r.loader, err)
		}
	}

	if r.storage != "" {
		return r.tool.Select(ctx, maskrom.Storages[r.storage])
	}

	return nil
}

// settle is how long the board gets to come back.
var settle = 2 * time.Second

// find waits for the board, and says how to get it there.
func (r *recovery) find(ctx context.Context) (maskrom.Board, error) {
	ctx, cancel := context.WithTimeout(ctx, r.wait)
	defer cancel()

	for told := false; ; {
		b, err := r.tool.Find(ctx)
		if err == nil || !errors.Is(err, maskrom.ErrNoBoard) || b.Vendor != "" {
			return b, err
		}

		if !told {
			fmt.Fprintf(r.say, "Waiting for the board. Take the SD card out, connect the board's USB-C port to this computer, hold the button MASK,\n"+
				"connect the power, and let go after two seconds. lsusb then lists %s:%s.\n", maskrom.Vendor, maskrom.Product)

			told = true
		}

		select {
		case <-ctx.Done():
			return b, fmt.Errorf("%w within %s: the cable must carry data, and users without udev's rule need root (m6 doctor)", maskrom.ErrNoBoard, r.wait)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// agree has a person agree.
func (r *recovery) agree(ctx context.Context, m *maskrom.Medium, name string) error {
	if r.yes {
		return nil
	}

	if !terminal(r.in) {
		return errors.New("nobody is there to ask: --yes writes without")
	}

	return agree(ctx, r.in, r.say, m.Name(),
		fmt.Sprintf("The board's storage has %s. What it holds will be lost. Write %s to it? Type yes: ", render.Bytes(m.Size()), name))
}
