// SPDX-License-Identifier: MPL-2.0

package kconfig

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// Hardening lists the settings of kernel-hardening-checker this kernel does not have, each with the reason.
type Hardening struct {
	Checker string      `yaml:"checker"`
	Except  []Exception `yaml:"except"`

	path string
}

// ReadHardening reads nix/kernel/needs/hardening.yaml.
func ReadHardening(path string) (Hardening, error) {
	hardening := Hardening{path: path}

	if err := readYAML(path, &hardening); err != nil {
		return hardening, err
	}

	return hardening, complete(path, hardening.Except)
}

// finding is one row of kernel-hardening-checker's report (-m json).
type finding struct {
	Option  string `json:"option_name"`
	Type    string `json:"type"`
	Desired string `json:"desired_val"`
	By      string `json:"decision"`
	Result  string `json:"check_result"`
}

// CheckHardening reads the report `kernel-hardening-checker -m json -c .config` prints, and gives a line for every
// failed setting that is not excepted, and for every exception no longer needed.
func CheckHardening(report string, hardening Hardening) ([]string, error) {
	data, err := os.ReadFile(report)
	if err != nil {
		return nil, err
	}

	var findings []finding
	if err := json.Unmarshal(data, &findings); err != nil {
		return nil, fmt.Errorf("%s: not a report of kernel-hardening-checker -m json: %w", report, err)
	}

	if len(findings) == 0 {
		return nil, fmt.Errorf("%s: kernel-hardening-checker reports no setting at all", report)
	}

	failed := map[string]finding{}

	for _, f := range findings {
		if f.Type == "kconfig" && strings.HasPrefix(f.Result, "FAIL") {
			failed[strings.TrimPrefix(f.Option, "CONFIG_")] = f
		}
	}

	var wrong []string

	for _, e := range hardening.Except {
		for _, symbol := range e.Symbols {
			if _, ok := failed[symbol]; !ok {
				wrong = append(wrong, fmt.Sprintf("CONFIG_%s is as kernel-hardening-checker asks: drop the exception from %s",
					symbol, hardening.path))
			}

			delete(failed, symbol)
		}
	}

	for _, symbol := range slices.Sorted(maps.Keys(failed)) {
		f := failed[symbol]
		wrong = append(wrong, fmt.Sprintf("CONFIG_%s: %s asks for %s, check says %s: set it in nix/kernel/config/hardening.config or give the reason in %s",
			symbol, f.By, f.Desired, f.Result, hardening.path))
	}

	return wrong, nil
}
