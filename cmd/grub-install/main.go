// SPDX-License-Identifier: MPL-2.0

// grub-install puts GRUB onto the EFI partition for Talos' installer, which calls it by this name and with these arguments.
// GRUB's own writes one that searches for BOOT's UUID, which a second disk with the same image has as well, and writes it in
// place. This one puts down the program that the disk image has, whole or not at all, and only where another is.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"talos-nanopi-m6/internal/esp"
)

// program is GRUB in the installer's image, loader where EFI firmware looks for it on the EFI partition.
const (
	program = "/usr/lib/grub/BOOTAA64.EFI"
	loader  = "EFI/BOOT/BOOTAA64.EFI"
)

func main() {
	if err := command(program).Execute(); err != nil {
		fmt.Fprintf(os.Stderr, "grub-install: %v\n", err)
		os.Exit(1)
	}
}

// command is grub-install for the GRUB in a file.
func command(program string) *cobra.Command {
	var efi, target, boot string

	var removable, noNVRAM bool

	cmd := &cobra.Command{
		Use:           "grub-install --efi-directory DIR [flags] DISK",
		Short:         "Put GRUB onto a mounted EFI partition",
		Args:          cobra.ExactArgs(1),
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if target != "arm64-efi" || !removable {
				return fmt.Errorf("only --target=arm64-efi --removable is known, not --target=%s --removable=%t", target, removable)
			}

			content, err := os.ReadFile(program)
			if err != nil {
				return err
			}

			written, err := esp.Place(efi, loader, content, func(string) bool { return false })
			if err != nil {
				return err
			}

			what := "is there already"
			if written {
				what = "was written"
			}

			fmt.Fprintf(cmd.OutOrStdout(), "grub-install: %s/%s %s\n", efi, loader, what)

			return nil
		},
	}

	flags := cmd.Flags()
	flags.StringVar(&efi, "efi-directory", "", "where the EFI partition is mounted")
	flags.StringVar(&target, "target", "", "GRUB's platform: arm64-efi")
	flags.BoolVar(&removable, "removable", false, "use the path that firmware tries by itself")
	flags.StringVar(&boot, "boot-directory", "", "ignored: GRUB's modules are built in")
	flags.BoolVar(&noNVRAM, "no-nvram", false, "ignored: no EFI variable is written")
	cobra.CheckErr(cmd.MarkFlagRequired("efi-directory"))

	return cmd
}
