// SPDX-License-Identifier: MPL-2.0

// sbom writes what an image is made of as an SPDX 2.3 document: components that a build names, and Go programs with every
// module that is linked into them.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{
		Use:           "sbom",
		Short:         "Write and check SPDX documents",
		SilenceUsage:  true,
		SilenceErrors: true,
	}

	root.AddCommand(&cobra.Command{
		Use:     "make DESCRIPTION OUTPUT",
		Short:   "Write an SPDX document of what a build's description names",
		Example: "  sbom make description.json nanopi-m6.spdx.json",
		Args:    cobra.ExactArgs(2),
		RunE:    func(_ *cobra.Command, args []string) error { return run(args[0], args[1]) },
	}, checkCommand())

	if err := root.Execute(); err != nil {
		fmt.Fprintf(os.Stderr, "sbom: %v\n", err)
		os.Exit(1)
	}
}

func checkCommand() *cobra.Command {
	var c checker

	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Check that a document is valid, and whole",
		Long: "Checks that a document is SPDX 2.3, and that every package in it has a version,\n" +
			"a source, a hash and a licence, but for those that are named. A name that is not\n" +
			"needed is a finding too.",
		Example: "  sbom check --own overlay-installer nanopi-m6.spdx.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			findings, summary, err := c.check(args[0])
			if err != nil {
				return err
			}

			for _, finding := range findings {
				fmt.Fprintln(cmd.ErrOrStderr(), finding)
			}

			if len(findings) > 0 {
				return fmt.Errorf("%s: %d findings (above)", args[0], len(findings))
			}

			fmt.Fprintln(cmd.OutOrStdout(), summary)

			return nil
		},
	}

	cmd.Flags().StringVar(&c.schema, "schema", "", "SPDX' own JSON schema, to validate against as well")
	cmd.Flags().StringSliceVar(&c.own, "own", nil, "a package made of this repository: it has no source")
	cmd.Flags().StringSliceVar(&c.unstated, "unstated", nil, "a package whose licence has no name in SPDX")

	return cmd
}

func run(description, output string) error {
	b, err := os.ReadFile(description)
	if err != nil {
		return err
	}

	var d Description
	if err := json.Unmarshal(b, &d); err != nil {
		return fmt.Errorf("%s: %w", description, err)
	}

	document, err := d.document()
	if err != nil {
		return err
	}

	f, err := os.Create(output)
	if err != nil {
		return err
	}

	if err := spdxjson.Write(document, f, spdxjson.Indent("  "), spdxjson.EscapeHTML(false)); err != nil {
		return err
	}

	return f.Close()
}
