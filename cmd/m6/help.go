// SPDX-License-Identifier: MPL-2.0

package main

import (
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// helpWidth is that of every help text, in columns.
const helpWidth = 80

// fitHelp has a command and those below it, cobra's own too, show help of that width.
func fitHelp(c *cobra.Command) {
	show := c.HelpFunc()

	c.SetHelpFunc(func(c *cobra.Command, args []string) {
		c.Long = wrap(c.Long, helpWidth)
		c.SetUsageTemplate(strings.ReplaceAll(c.UsageTemplate(), "Flags.FlagUsages ", "Flags.FlagUsagesWrapped 80 "))
		show(c, args)
	})
}

// wrap breaks paragraphs into lines. What is indented, a list or an example, keeps its lines, and breaks only where one is too
// long, to where its text began.
func wrap(text string, width int) string {
	var lines []string

	for _, paragraph := range strings.Split(text, "\n\n") {
		var flow []string

		end := func() {
			if len(flow) > 0 {
				lines = append(lines, fill(strings.Fields(strings.Join(flow, " ")), "", "", width)...)
				flow = nil
			}
		}

		for line := range strings.SplitSeq(paragraph, "\n") {
			if strings.HasPrefix(line, "\t") { // a command
				end()

				lines = append(lines, line)

				continue
			}

			if !strings.HasPrefix(line, " ") {
				flow = append(flow, line)

				continue
			}

			end()

			// "  130  text": behind the last gap of two spaces in its first 20 columns.
			at := strings.LastIndex(line[:min(len(line), 20)], "  ")
			at += len(line[at:]) - len(strings.TrimLeft(line[at:], " "))
			lines = append(lines, fill(strings.Fields(line[at:]), line[:at], strings.Repeat(" ", at), width)...)
		}

		end()

		lines = append(lines, "")
	}

	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// fill sets words into lines that begin with something.
func fill(words []string, first, next string, width int) []string {
	var lines []string

	line := first

	for n, w := range words {
		switch {
		case n == 0:
			line += w
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > width:
			lines = append(lines, line)
			line = next + w
		default:
			line += " " + w
		}
	}

	return append(lines, line)
}
