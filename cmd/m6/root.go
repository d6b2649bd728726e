// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// version is set when the program is built.
var version = "development"

func root() *cobra.Command { return rootWith(newFlashing()) }

func rootWith(f *flashing) *cobra.Command {
	c := &cobra.Command{
		Use:   "m6",
		Short: "Inspect, verify, flash and boot Talos images for the NanoPi M6",
		Long: "m6 takes a Talos image for the FriendlyElec NanoPi M6 from the download to a running board: it shows what is in it,\n" +
			"says whether the board would start it, writes it to a card, and starts it in QEMU.",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}

	c.SetOut(safe{os.Stdout})
	c.SetErr(safe{os.Stderr})

	c.AddCommand(inspectCommand(), verifyCommand(), f.command(), bootCommand(), doctorCommand(), recoverCommand(), manualCommand(c), exitCodesTopic())
	fitHelp(c)

	return c
}

// exitCodesTopic is a help text.
func exitCodesTopic() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "What m6's exit codes mean", Long: exitCodesText()}
}

func exitCodesText() string {
	var b strings.Builder

	b.WriteString("Exit codes of m6:\n\n")

	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %3d  %s\n", e.code, e.meaning)
	}

	return b.String()
}

// output is how a report is written.
type output string

const (
	outputText output = "text"
	outputJSON output = "json"
)

var outputs = []string{string(outputText), string(outputJSON)}

func (o *output) String() string { return string(*o) }
func (o *output) Type() string   { return "format" }

func (o *output) Set(s string) error {
	if !slices.Contains(outputs, s) {
		return fmt.Errorf("want one of %s", strings.Join(outputs, ", "))
	}

	*o = output(s)

	return nil
}

// outputFlag adds --output.
func outputFlag(c *cobra.Command) *output {
	o := outputText
	c.Flags().VarP(&o, "output", "o", "how the report is written: "+strings.Join(outputs, ", "))

	if err := c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(outputs, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was added a line ago
	}

	return &o
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")

	return e.Encode(v)
}

// width is that of the terminal, or of a page where there is none.
func width(w io.Writer) int {
	if f, ok := raw(w).(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}

	return 120
}

// terminal says whether w is one.
func terminal(w any) bool {
	if s, ok := w.(safe); ok {
		w = s.w
	}

	f, ok := w.(*os.File)

	return ok && term.IsTerminal(int(f.Fd()))
}
