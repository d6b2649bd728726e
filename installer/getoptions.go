// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/overlay"

	"talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/rockchip"
)

// installer implements Talos' overlay.Installer.
type installer struct{}

var _ overlay.Installer[overlay.ExtraOptions] = (*installer)(nil)

// GetOptions tells Talos the kernel arguments this board needs and which part of the disk to leave to the boot loader.
func (*installer) GetOptions(_ context.Context, extra overlay.ExtraOptions) (overlay.Options, error) {
	o, err := parseOptions(extra)
	if err != nil {
		return overlay.Options{}, err
	}

	return overlay.Options{
		Name:             board.Name,
		KernelArgs:       o.kernelArgs(),
		PartitionOptions: overlay.PartitionOptions{Offset: uint64(board.LoaderRoom / rockchip.SectorSize)},
	}, nil
}

// kernelArgs are what the board needs; Talos adds its own.
func (o *options) kernelArgs() []string {
	// Naming a console replaces what Talos' metal platform asks for on arm64 (ttyAMA0, tty0), so tty0 is named in any
	// case. The last console is /dev/console.
	args := []string{"console=tty0"}

	if o.console {
		args = append(args, board.Console)
	}

	if o.earlycon {
		args = append(args, board.EarlyConsole)
	}

	args = append(args,
		// A reboot through kexec keeps the device tree and the firmware of the last boot: what an upgrade wrote would
		// not be in use. Every siderolabs Rockchip overlay turns it off too.
		"sysctl.kernel.kexec_load_disabled=1",
		// The dashboard wants a screen; the kernels built here drive none.
		"talos.dashboard.disabled=1",
	)

	if o.watchdog > 0 {
		// The kernel feeds the watchdog that U-Boot started until a program opens it, at most this long
		// (Documentation/watchdog/watchdog-parameters.rst, watchdog.open_timeout).
		args = append(args, fmt.Sprintf("watchdog.open_timeout=%d", int(o.watchdog.Seconds())))
	}

	name := func(arg string) string {
		key, _, _ := strings.Cut(arg, "=")

		return key
	}

	replaced := func(arg string) bool {
		return slices.ContainsFunc(o.extraKernelArgs, func(extra string) bool { return name(extra) == name(arg) })
	}

	return append(slices.DeleteFunc(args, replaced), o.extraKernelArgs...)
}
