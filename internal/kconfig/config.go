// SPDX-License-Identifier: MPL-2.0

// Package kconfig compares a kernel's configuration with what asks something of it: the programs that run on it, the
// devices of a device tree, a list of hardening settings.
package kconfig

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Config is a kernel's .config: symbols without the prefix CONFIG_, and their values as they stand there ("y", "m",
// "64", "\"name\""). A symbol that is off has no entry.
type Config map[string]string

// ErrNoConfig is returned for a file that is not a kernel's configuration.
var ErrNoConfig = errors.New("not a kernel configuration (expected lines CONFIG_NAME=value, as in .config)")

// ReadConfig reads a .config file.
func ReadConfig(path string) (Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // read only

	config := Config{}
	lines := bufio.NewScanner(file)

	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}

		symbol, value, found := strings.Cut(strings.TrimPrefix(line, "CONFIG_"), "=")
		if !found || !strings.HasPrefix(line, "CONFIG_") {
			return nil, fmt.Errorf("%s:%d: %q: %w", path, number, line, ErrNoConfig)
		}

		// "=n" is what a fragment may say; .config has a comment instead.
		if value != "n" {
			config[symbol] = value
		}
	}

	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}

	if len(config) == 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrNoConfig)
	}

	return config, nil
}

// BuiltIn reports whether the symbol is y.
func (c Config) BuiltIn(symbol string) bool { return c[symbol] == "y" }

// Present reports whether the symbol is y or m.
func (c Config) Present(symbol string) bool { return c[symbol] == "y" || c[symbol] == "m" }

// show gives the symbol's line as .config has it.
func (c Config) show(symbol string) string {
	if value, ok := c[symbol]; ok {
		return "CONFIG_" + symbol + "=" + value
	}

	return "CONFIG_" + symbol + " is not set"
}
