// SPDX-License-Identifier: MPL-2.0

package maskrom

import (
	"os/exec"
	"syscall"
)

// child puts rkdeveloptool in a group of its own: Ctrl-C, which would leave the board in the middle of a transfer, reaches this process
// only.
func child(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
