// SPDX-License-Identifier: MPL-2.0

package main

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"talos-nanopi-m6/internal/qemu"
)

var (
	//go:embed allowed.yaml
	allowedYAML []byte
	//go:embed allowed-board.yaml
	allowedBoardYAML []byte
)

// allowance is a complaint the log may hold, and why it is none.
type allowance struct {
	Match  string `yaml:"match"`
	Reason string `yaml:"reason"`

	re *regexp.Regexp
}

// allowances are those of the machine.
func allowances(board bool) ([]allowance, error) {
	list, err := loadAllowances(allowedYAML)
	if err != nil || !board {
		return list, err
	}

	own, err := loadAllowances(allowedBoardYAML)

	return append(list, own...), err
}

// loadAllowances reads a list; an entry without a reason, or that matches everything, is an error.
func loadAllowances(b []byte) ([]allowance, error) {
	var list []allowance

	d := yaml.NewDecoder(strings.NewReader(string(b)))
	d.KnownFields(true)

	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("allowed.yaml: %w", err)
	}

	for i, a := range list {
		if strings.TrimSpace(a.Reason) == "" {
			return nil, fmt.Errorf("allowed.yaml: %q has no reason", a.Match)
		}

		re, err := regexp.Compile(a.Match)
		if err != nil {
			return nil, fmt.Errorf("allowed.yaml: %w", err)
		}

		if re.MatchString("") {
			return nil, fmt.Errorf("allowed.yaml: %q matches every line", a.Match)
		}

		list[i].re = re
	}

	return list, nil
}

// complaint matches what kernel, init and machined write when something fails or is tried again. It is wide on purpose:
// what it catches wrongly is listed in allowed.yaml, where it can be read.
var complaint = regexp.MustCompile(`(?i)\b(` +
	`fail(s|ed|ure|ing)?|errors?|warning|retry(ing)?|restarting|panic(ked)?|oops|bug:|call trace|unable|cannot|can't|couldn't|could not|` +
	`denied|rejected|refused|unsupported|not supported|not permitted|not found|not implemented|no such|unavailable|missing|unknown|` +
	`tainted|tainting|timed out|timeout|deferred probe pending|bad|invalid|corrupt(ed)?|stall(s|ed)?|segfault|unhandled` +
	`)\b`)

// finding is a complaint, with why it is allowed if it is.
type finding struct {
	Line    string `json:"line"`
	Allowed string `json:"allowed,omitempty"`
}

// scan finds the complaints on the board's console, each once.
func scan(lines []qemu.Line, allowed []allowance) []finding {
	var (
		found []finding
		seen  = map[string]bool{}
	)

	for _, l := range lines {
		text := withoutClock(l.Text)
		if l.Port != qemu.TTYS2 || seen[text] || !complaint.MatchString(text) {
			continue
		}

		seen[text] = true
		f := finding{Line: text}

		for _, a := range allowed {
			if a.re.MatchString(text) {
				f.Allowed = strings.TrimSpace(a.Reason)

				break
			}
		}

		found = append(found, f)
	}

	return found
}

// kernelClock is printk's time stamp; talosClock the one Talos puts behind its own prefix.
var (
	kernelClock = regexp.MustCompile(`^(<\d+>)?\[ *\d+\.\d+\] ?`)
	talosClock  = regexp.MustCompile(`^(\[talos\]) \d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z? `)
)

func withoutClock(s string) string {
	return talosClock.ReplaceAllString(kernelClock.ReplaceAllString(s, ""), "$1 ")
}

const commandLine = "Kernel command line: "

// kernelArgs are the arguments the kernel says it was started with, as ttyS2 shows them.
func kernelArgs(lines []qemu.Line) ([]string, error) {
	for _, l := range lines {
		if l.Port != qemu.TTYS2 {
			continue
		}

		if rest, ok := strings.CutPrefix(withoutClock(l.Text), commandLine); ok {
			return strings.Fields(rest), nil
		}
	}

	return nil, errors.New("ttyS2 never showed the kernel command line: the console the board uses says nothing")
}
