// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manualCommand writes the manual pages, for packages.
func manualCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:    "manual DIRECTORY",
		Short:  "Write the manual pages",
		Long:   "Writes the manual pages, one for each command, to a directory: for packages, and for man -l.",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return withCode(exitFailed, err)
			}

			root.DisableAutoGenTag = true // the same bytes every time
			root.Long += "\n\n" + exitCodesText()

			keepLists(root)

			return withCode(exitFailed, doc.GenManTree(root, &doc.GenManHeader{
				Title: "M6", Section: "1", Source: "m6 " + version, Manual: "Talos Linux on the NanoPi M6", Date: manualDate(),
			}, args[0]))
		},
	}
}

// keepLists has the manual of a command and of those below it show lists as they are: what is indented by four columns keeps its lines
// and its backslashes.
func keepLists(c *cobra.Command) {
	c.Long = strings.ReplaceAll("\n"+c.Long, "\n  ", "\n    ")[1:]

	for _, below := range c.Commands() {
		keepLists(below)
	}
}

// manualDate is the date in the manual pages: SOURCE_DATE_EPOCH's, so that they are the same bytes every time they are made
// (reproducible-builds.org/specs/source-date-epoch), or the epoch's.
func manualDate() *time.Time {
	n, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		n = 0
	}

	t := time.Unix(n, 0).UTC()

	return &t
}
