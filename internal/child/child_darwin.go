// SPDX-License-Identifier: MPL-2.0

// Package child says how a program that this process starts hangs together with it.
package child

import (
	"os/exec"
	"syscall"
)

// Bind puts the program in a group of its own where that is wanted: Ctrl-C then reaches this process only. macOS ends nothing
// with the process that started it.
func Bind(cmd *exec.Cmd, group bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: group}
}
