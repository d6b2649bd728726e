// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

func TestEveryHelpTextFitsEightyColumns(t *testing.T) {
	c := root()
	c.InitDefaultHelpCmd()
	c.InitDefaultCompletionCmd()

	var texts int

	var look func(c *cobra.Command)

	look = func(c *cobra.Command) {
		var b bytes.Buffer

		c.SetOut(&b)
		c.InitDefaultHelpFlag()

		if err := c.Help(); err != nil {
			t.Error(err)
		}

		texts++

		for line := range strings.Lines(b.String()) {
			line = strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", "        ")
			if n := utf8.RuneCountInString(line); n > 80 {
				t.Errorf("%s: got %d columns, want at most 80: %s", c.CommandPath(), n, line)
			}
		}

		for _, below := range c.Commands() {
			look(below)
		}
	}

	look(c)

	if texts < 14 {
		t.Errorf("got %d help texts, want one for each command", texts)
	}
}
