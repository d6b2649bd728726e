// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/overlay"
	"gopkg.in/yaml.v3"
)

// promised are the kernel arguments the machine must have been started with: those given, and those the overlay's
// installer answers to get-options, as the imager asks it (YAML on standard input and output).
func (c config) promised(ctx context.Context) ([]string, error) {
	if c.installer == "" {
		return c.args, nil
	}

	cmd := exec.CommandContext(ctx, c.installer, "get-options")
	cmd.Stdin = strings.NewReader("{}\n")

	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}

		return nil, fmt.Errorf("%s get-options: %w", c.installer, err)
	}

	var o overlay.Options
	if err := yaml.Unmarshal(out, &o); err != nil {
		return nil, fmt.Errorf("%s get-options: %w", c.installer, err)
	}

	if len(o.KernelArgs) == 0 {
		return nil, fmt.Errorf("%s get-options: promises no kernel argument, so nothing would be checked", c.installer)
	}

	return append(slices.Clone(c.args), o.KernelArgs...), nil
}

// missing says which promised arguments the kernel was not given. The order of consoles counts: the last one is
// /dev/console (Documentation/admin-guide/serial-console.rst), so it must be the last one promised.
func missing(promised, given []string) error {
	var errs []error

	for _, p := range promised {
		if strings.HasPrefix(p, "-") { // an overlay's "-arg" takes an argument away
			if slices.Contains(given, p[1:]) {
				errs = append(errs, fmt.Errorf("kernel command line: %s should be gone", p[1:]))
			}

			continue
		}

		if !slices.Contains(given, p) {
			errs = append(errs, fmt.Errorf("kernel command line: no %s in %s", p, strings.Join(given, " ")))
		}
	}

	if want := lastConsole(promised); want != "" && lastConsole(given) != want {
		errs = append(errs, fmt.Errorf("kernel command line: /dev/console is %s, want %s", lastConsole(given), want))
	}

	return errors.Join(errs...)
}

func lastConsole(args []string) string {
	for _, a := range slices.Backward(args) {
		if strings.HasPrefix(a, "console=") {
			return a
		}
	}

	return ""
}
