// SPDX-License-Identifier: MPL-2.0

package maskrom

import (
	"os/exec"
	"syscall"
)

// child has rkdeveloptool end with this process. In a group of its own Ctrl-C, which would leave the board in the middle of a transfer,
// reaches this process only.
func child(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
