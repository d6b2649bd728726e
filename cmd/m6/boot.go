// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"talos-nanopi-m6/internal/qemu"
)

func bootCommand() *cobra.Command {
	var (
		o      qemu.Options
		kvm    = "auto"
		log    string
		noWait bool
	)

	c := &cobra.Command{
		Use:   "boot IMAGE",
		Short: "Start an image in QEMU",
		Long: "Starts an image (raw, .zst, .xz) on QEMU's arm64 virt machine: U-Boot, EFI, GRUB, kernel and Talos, with the console in this\n" +
			"terminal (Ctrl-A X ends it, Ctrl-A C leads to QEMU's monitor and back) and Talos' API on a port of 127.0.0.1. The image is not\n" +
			"written to. QEMU has no RK3588, so the image's own boot loader is not run: U-Boot for QEMU stands in for it.\n\n" +
			"With --board the image starts on a model of the NanoPi M6 instead, from the mask ROM on, with its own boot loader and device\n" +
			"tree; only the DDR blob is left out. That is a QEMU of this project (docs/board-model.md), slower, and the terminal's title\n" +
			"shows the LEDs. What the board forbids ends it, and is named.\n\n" +
			"Without a terminal the console goes to standard output.",
		Example: "  m6 boot metal-arm64.raw.zst\n  m6 boot --disk nvme --api-port 50001 metal-arm64.raw\n" +
			"  m6 boot --board --disk emmc metal-arm64.raw.zst",
		Args: cobra.ExactArgs(1),
	}

	c.Flags().Var(diskFlag{&o.Disk}, "disk", "how the image is attached: "+diskNames()+" (virtio; sd on the board, which has no virtio)")
	c.Flags().BoolVar(&o.Board, "board", false, "the model of the NanoPi M6 in place of the virt machine")
	c.Flags().StringVar(&o.Program, "qemu", "", "QEMU: "+qemu.DefaultProgram+"; "+qemu.BoardProgram+" with --board")
	c.Flags().StringVar(&o.Firmware, "firmware", qemu.DefaultFirmware, "U-Boot for QEMU; --disk sd needs one with CONFIG_MMC_PCI")
	c.Flags().IntVar(&o.CPUs, "cpus", 0, "number of cores, 1 to 8: 2; the board has 8")
	c.Flags().IntVar(&o.MemoryMiB, "memory", 0, "RAM in MiB: 2048; 4096 on the board")
	c.Flags().IntVar(&o.APIPort, "api-port", qemu.APIPort, "port on 127.0.0.1 that leads to Talos' API; 0 for a free one")
	c.Flags().StringVar(&kvm, "kvm", kvm, "run on this machine's own cores: auto, on, off (an arm64 machine with /dev/kvm)")
	c.Flags().StringVar(&log, "log", "", "with this, do not use the terminal: the console goes to this file")
	c.Flags().BoolVar(&noWait, "no-terminal", false, "do not use the terminal even if there is one")

	if err := c.RegisterFlagCompletionFunc("disk", cobra.FixedCompletions(strings.Split(diskNames(), ", "), cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was added above
	}

	c.RunE = func(c *cobra.Command, args []string) error {
		o.Image = args[0]
		o.Interactive = log == "" && !noWait && terminal(c.InOrStdin()) && terminal(c.OutOrStdout())

		switch kvm {
		case "auto":
			o.KVM = !o.Board && runtime.GOARCH == "arm64" && hasKVM()
		case "on", "off":
			o.KVM = kvm == "on"
		default:
			return fmt.Errorf("--kvm %s: want auto, on or off", kvm)
		}

		return bootImage(c.Context(), c, o, log)
	}

	return c
}

// hasKVM says whether this user may use it.
func hasKVM() bool {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)

	return err == nil && f.Close() == nil
}

func bootImage(ctx context.Context, c *cobra.Command, o qemu.Options, log string) error {
	if _, err := o.Args(); err != nil {
		return err
	}

	out := raw(c.OutOrStdout())

	if log != "" {
		f, err := createOutput(log, o.Image, o.Firmware)
		if err != nil {
			return withCode(exitRefused, err)
		}
		defer f.Close() // a log

		out = f
	}

	dir, err := os.MkdirTemp("", "m6-boot-")
	if err != nil {
		return withCode(exitFailed, err)
	}
	defer os.RemoveAll(dir) // best effort

	if o, err = withMedia(ctx, o, dir); err != nil {
		return withCode(exitInput, err)
	}

	if o.APIPort == 0 {
		if o.APIPort, err = qemu.FreePort(); err != nil {
			return withCode(exitFailed, err)
		}
	}

	fmt.Fprintf(c.ErrOrStderr(), "Talos' API will be at 127.0.0.1:%d: talosctl --nodes 127.0.0.1:%[1]d get disks --insecure\n", o.APIPort)

	if o.Interactive {
		fmt.Fprintln(c.ErrOrStderr(), "Ctrl-A X ends the machine.")

		if state, err := term.GetState(int(os.Stdin.Fd())); err == nil {
			defer func() { _ = term.Restore(int(os.Stdin.Fd()), state) }() // QEMU may not have come to it
		}
	}

	if o.Board && o.Interactive {
		defer showLEDs(raw(c.ErrOrStderr()), &o)()
	}

	machine, err := qemu.Start(ctx, o, qemu.Consoles{Firmware: out, Board: out}, dir)
	if err != nil {
		return withCode(exitFailed, err)
	}

	<-machine.Done()

	if err := machine.Err(); err != nil && ctx.Err() == nil {
		return withCode(exitFailed, err)
	}

	if ctx.Err() != nil {
		return errors.New("interrupted")
	}

	return nil
}

// diskFlag is --disk.
type diskFlag struct{ disk *qemu.Disk }

func (d diskFlag) String() string {
	if d.disk == nil {
		return ""
	}

	return string(*d.disk)
}

func (d diskFlag) Type() string { return "disk" }

func (d diskFlag) Set(s string) error {
	if !slices.Contains(allDisks(), qemu.Disk(s)) {
		return fmt.Errorf("want one of %s", diskNames())
	}

	*d.disk = qemu.Disk(s)

	return nil
}

func diskNames() string {
	var names []string
	for _, d := range allDisks() {
		names = append(names, string(d))
	}

	return strings.Join(names, ", ")
}

// allDisks are the virt machine's and the board's; which of them fit together, qemu.Options says.
func allDisks() []qemu.Disk {
	all := slices.Clone(qemu.Disks)

	for _, d := range qemu.BoardDisks {
		if !slices.Contains(all, d) {
			all = append(all, d)
		}
	}

	return all
}
