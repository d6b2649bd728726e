// SPDX-License-Identifier: MPL-2.0

// kernel-check compares a kernel's configuration with what asks something of it.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"talos-nanopi-m6/internal/kconfig"
)

func main() {
	root := &cobra.Command{
		Use:           "kernel-check",
		Short:         "Compare a kernel's .config with what software, hardening and a device tree ask of it",
		SilenceUsage:  true,
		SilenceErrors: true,
	}

	root.AddCommand(needsCommand(), parityCommand(), hardeningCommand(), devicesCommand(), stockCommand())

	if err := root.Execute(); err != nil {
		fmt.Fprintf(os.Stderr, "kernel-check: %v\n", err)
		os.Exit(1)
	}
}

// verdict prints what is wrong and makes an error of it.
func verdict(wrong []string, summary string) error {
	for _, line := range wrong {
		fmt.Fprintln(os.Stderr, line)
	}

	if len(wrong) > 0 {
		return fmt.Errorf("%d findings (above)", len(wrong))
	}

	fmt.Println(summary)

	return nil
}

func needsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "needs CONFIG DIR",
		Short:   "Check what Talos, Kubernetes and the software around them need",
		Example: "  kernel-check needs .config nix/kernel/needs/software",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			config, err := kconfig.ReadConfig(args[0])
			if err != nil {
				return err
			}

			needs, err := kconfig.ReadNeeds(args[1])
			if err != nil {
				return err
			}

			count := 0
			for _, n := range needs {
				count += len(n.Needs)
			}

			return verdict(kconfig.CheckNeeds(config, needs), fmt.Sprintf("%d requirements of %d consumers met", count, len(needs)))
		},
	}
}

func parityCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "parity CONFIG SOURCE EXCUSES LIST...",
		Short:   "Check that what another kernel has on is on here too, or excused",
		Example: "  kernel-check parity .config linux-6.12 nix/kernel/needs/parity.yaml \\\n    nix/kernel/talos/options-*",
		Args:    cobra.MinimumNArgs(4),
		RunE: func(_ *cobra.Command, args []string) error {
			config, err := kconfig.ReadConfig(args[0])
			if err != nil {
				return err
			}

			defined, err := kconfig.DefinedOptions(args[1])
			if err != nil {
				return err
			}

			parity, err := kconfig.ReadParity(args[2])
			if err != nil {
				return err
			}

			lists := map[string][]string{}
			all := map[string]bool{}
			on := 0

			for _, file := range args[3:] {
				options, err := kconfig.ReadOptions(file)
				if err != nil {
					return err
				}

				lists[file] = options

				for _, option := range options {
					if !all[option] && config.Present(option) {
						on++
					}

					all[option] = true
				}
			}

			return verdict(kconfig.CheckParity(config, lists, defined, parity),
				fmt.Sprintf("%d of %d options on, %d excused", on, len(all), len(all)-on))
		},
	}
}

func hardeningCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "hardening REPORT EXCEPTIONS",
		Short:   "Check a report of kernel-hardening-checker against the listed exceptions",
		Example: "  kernel-hardening-checker -m json -c .config >report.json\n  kernel-check hardening report.json nix/kernel/needs/hardening.yaml",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			hardening, err := kconfig.ReadHardening(args[1])
			if err != nil {
				return err
			}

			wrong, err := kconfig.CheckHardening(args[0], hardening)
			if err != nil {
				return err
			}

			count := 0
			for _, e := range hardening.Except {
				count += len(e.Symbols)
			}

			return verdict(wrong, fmt.Sprintf("hardened but for %d settings, each with a reason", count))
		},
	}
}

func devicesCommand() *cobra.Command {
	var table bool

	cmd := &cobra.Command{
		Use:     "devices CONFIG DTB SOURCE REASONS",
		Short:   "Check that the kernel drives every enabled node of a compiled device tree",
		Example: "  kernel-check devices .config board.dtb linux-6.12 \\\n    nix/kernel/needs/device-tree.yaml",
		Args:    cobra.ExactArgs(4),
		RunE: func(_ *cobra.Command, args []string) error {
			config, err := kconfig.ReadConfig(args[0])
			if err != nil {
				return err
			}

			nodes, err := kconfig.ReadNodes(args[1])
			if err != nil {
				return err
			}

			devices, err := kconfig.ReadDevices(args[3])
			if err != nil {
				return err
			}

			served, err := kconfig.Serve(config, args[2], nodes)
			if err != nil {
				return err
			}

			if table {
				for _, s := range served {
					state := "none"

					switch {
					case s.BuiltIn:
						state = "y"
					case s.Present:
						state = "m"
					case len(s.Drivers) > 0:
						state = "off"
					}

					fmt.Printf("%-4s %s %v %v\n", state, s.Path, s.Compatible, s.Drivers)
				}
			}

			return verdict(kconfig.CheckDevices(served, devices), fmt.Sprintf("%d enabled nodes, all driven or excused", len(nodes)))
		},
	}

	cmd.Flags().BoolVar(&table, "table", false, "print every node with its drivers")

	return cmd
}

func stockCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stock OPTIONS SOURCE REASONS NEEDS LACKS DTB...",
		Short: "Check that another project's kernel serves the board, but for what is listed",
		Example: "  kernel-check stock nix/kernel/talos/options-1.10 linux-6.12 \\\n" +
			"    nix/kernel/needs/device-tree.yaml nix/kernel/needs/software/board.yaml \\\n" +
			"    nix/kernel/talos/lacks-1.10.yaml *.dtb",
		Args: cobra.MinimumNArgs(6),
		RunE: func(_ *cobra.Command, args []string) error {
			options, err := kconfig.ReadOptions(args[0])
			if err != nil {
				return err
			}

			// Whether an option is built in or a module does not matter here.
			config := kconfig.Config{}
			for _, option := range options {
				config[option] = "y"
			}

			var nodes []kconfig.Node

			for _, tree := range args[5:] {
				read, err := kconfig.ReadNodes(tree)
				if err != nil {
					return err
				}

				nodes = append(nodes, read...)
			}

			served, err := kconfig.Serve(config, args[1], nodes)
			if err != nil {
				return err
			}

			devices, err := kconfig.ReadDevices(args[2])
			if err != nil {
				return err
			}

			needs, err := kconfig.ReadNeed(args[3])
			if err != nil {
				return err
			}

			lacks, err := kconfig.ReadLacks(args[4])
			if err != nil {
				return err
			}

			return verdict(kconfig.CheckStock(config, served, devices, []kconfig.Needs{needs}, lacks),
				fmt.Sprintf("%s: %d enabled nodes of %d trees, all driven or listed", args[0], len(nodes), len(args)-5))
		},
	}
}
