// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os/exec"
	"slices"

	"github.com/spf13/cobra"
)

// ailment is something this machine was asked for.
type ailment struct {
	// For is what it is needed for: boot, recover, flash, build.
	For  string `json:"for"`
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Found says what is there, Fix the command that brings it.
	Found string `json:"found,omitempty"`
	Fix   string `json:"fix,omitempty"`
}

func doctorCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor [build|flash|boot|recover]...",
		Short: "Say what is missing on this machine, and how to get it",
		Long: "Looks for what building, flashing, booting in QEMU and recovering over USB need on this machine, and gives the command that\n" +
			"brings what is missing. The exit code is 1 if something is.",
		ValidArgs: purposes,
		Args:      cobra.OnlyValidArgs,
	}

	format := outputFlag(c)

	c.RunE = func(c *cobra.Command, args []string) error {
		list := thisMachine.examine(args)

		if *format == outputJSON {
			if err := writeJSON(c.OutOrStdout(), list); err != nil {
				return withCode(exitFailed, err)
			}
		} else {
			for _, a := range list {
				fmt.Fprintln(c.OutOrStdout(), a)
			}
		}

		if slices.ContainsFunc(list, func(a ailment) bool { return !a.OK }) {
			return withCode(exitFailed, errSaid)
		}

		return nil
	}

	return c
}

var purposes = []string{"build", "flash", "boot", "recover"}

func (a ailment) String() string {
	if a.OK {
		return fmt.Sprintf("ok       %-8s %s: %s", a.For, a.Name, a.Found)
	}

	return fmt.Sprintf("missing  %-8s %s\n                  %s", a.For, a.Name, a.Fix)
}

// machine is what doctor looks at; a test has its own.
type machine struct {
	root string // before every path
	look func(string) (string, error)
}

var thisMachine = machine{look: exec.LookPath}

// examine looks at everything, or at what some purposes need. Building is not for every system: it is asked for by name there.
func (m machine) examine(wanted []string) []ailment {
	return slices.DeleteFunc(m.all(), func(a ailment) bool {
		return len(wanted) > 0 && !slices.Contains(wanted, a.For) || len(wanted) == 0 && a.For == "build" && !builds
	})
}

func (m machine) program(purpose, name, what, fix string) ailment {
	p, err := m.look(name)

	return ailment{For: purpose, Name: what, OK: err == nil, Found: p, Fix: fix}
}
