// SPDX-License-Identifier: MPL-2.0

// Package child says how a program that this process starts hangs together with it.
package child

import (
	"os/exec"
	"syscall"
)

// Bind has the program end with this process. In a group of its own, Ctrl-C reaches this process only.
func Bind(cmd *exec.Cmd, group bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: group}
}
