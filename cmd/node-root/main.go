// SPDX-License-Identifier: MPL-2.0

// node-root judges and labels the root of a node before it becomes a squashfs: what an unprivileged build cannot have the
// file system do.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{
		Use:           "node-root",
		Short:         "Judge and label the root of a node",
		SilenceUsage:  true,
		SilenceErrors: true,
	}

	root.AddCommand(
		&cobra.Command{
			Use:   "closed ROOT",
			Short: "Check that a root has all that its programs load",
			Long: "Check that every program and library below ROOT is for AArch64 and finds its\n" +
				"loader and its libraries there, and that no symbolic link leads nowhere.",
			Args: cobra.ExactArgs(1),
			RunE: func(_ *cobra.Command, args []string) error {
				faults, err := closed(args[0])
				if err != nil {
					return err
				}

				if len(faults) > 0 {
					return fmt.Errorf("the root is not closed:\n%s\n  hint: add the package to 'packages' and its files to 'files'", strings.Join(faults, "\n"))
				}

				return nil
			},
		},
		&cobra.Command{
			Use:   "labels ROOT CONTEXTS",
			Short: "Print the SELinux label of every path of a root",
			Long: "Print the SELinux label of every path below ROOT, as a dump that gensquashfs\n" +
				"reads. CONTEXTS has lines of PATTERN TYPE, or PATTERN -- TYPE for regular files\n" +
				"only; the last one that matches a whole path counts.",
			Args: cobra.ExactArgs(2),
			RunE: func(cmd *cobra.Command, args []string) error {
				contexts, err := readContexts(args[1])
				if err != nil {
					return err
				}

				return writeLabels(cmd.OutOrStdout(), args[0], contexts)
			},
		},
	)

	if err := root.Execute(); err != nil {
		fmt.Fprintf(os.Stderr, "node-root: %v\n", err)
		os.Exit(1)
	}
}
