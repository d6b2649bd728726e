// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"os/exec"
	"syscall"
)

// captures says that the board's console can be captured through a pipe.
const captures = true

// child has QEMU end with this process, and with SIGTERM. In a group of its own, Ctrl-C reaches this process only, which then
// stops QEMU in order.
func child(cmd *exec.Cmd, group bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: group}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
}
