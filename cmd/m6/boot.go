// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
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
			"Without a terminal the console goes to standard output.",
		Example: "  m6 boot metal-arm64.raw.zst\n  m6 boot --disk nvme --api-port 50001 metal-arm64.raw",
		Args:    cobra.ExactArgs(1),
	}

	c.Flags().Var(diskFlag{&o.Disk}, "disk", "how the image is attached: "+diskNames())
	c.Flags().StringVar(&o.Program, "qemu", qemu.DefaultProgram, "QEMU")
	c.Flags().StringVar(&o.Firmware, "firmware", qemu.DefaultFirmware, "U-Boot for QEMU; --disk sd needs one with CONFIG_MMC_PCI")
	c.Flags().IntVar(&o.CPUs, "cpus", 2, "number of cores, 1 to 8")
	c.Flags().IntVar(&o.MemoryMiB, "memory", 2048, "RAM in MiB")
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
			o.KVM = runtime.GOARCH == "arm64" && hasKVM()
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
		f, err := createOutput(log, o.Image)
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

	m, err := qemu.Prepare(ctx, o.Image, dir, o.Disk)
	if err != nil {
		return withCode(exitInput, err)
	}

	o.Image = m.Path

	if o.APIPort == 0 {
		if o.APIPort, err = qemu.FreePort(); err != nil {
			return withCode(exitFailed, err)
		}
	}

	fmt.Fprintf(c.ErrOrStderr(), "Talos' API will be at 127.0.0.1:%d: talosctl --nodes 127.0.0.1:%[1]d get disks --insecure\n", o.APIPort)

	if o.Interactive {
		fmt.Fprintln(c.ErrOrStderr(), "Ctrl-A X ends the machine.")

		if state, err := term.GetState(int(os.Stdin.Fd())); err == nil {
			defer term.Restore(int(os.Stdin.Fd()), state) // QEMU may not have come to it
		}
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
	if d.disk == nil || *d.disk == "" {
		return string(qemu.Virtio)
	}

	return string(*d.disk)
}

func (d diskFlag) Type() string { return "disk" }

func (d diskFlag) Set(s string) error {
	for _, k := range qemu.Disks {
		if s == string(k) {
			*d.disk = k

			return nil
		}
	}

	return fmt.Errorf("want one of %s", diskNames())
}

func diskNames() string {
	var names []string
	for _, d := range qemu.Disks {
		names = append(names, string(d))
	}

	return strings.Join(names, ", ")
}
