// SPDX-License-Identifier: MPL-2.0

package initramfs

import (
	"fmt"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// limit sets this process' limits.
func limit() error {
	for what, n := range map[int]uint64{unix.RLIMIT_DATA: ConfinedMemory, unix.RLIMIT_CPU: ConfinedSeconds} {
		if err := unix.Setrlimit(what, &unix.Rlimit{Cur: n, Max: n}); err != nil {
			return fmt.Errorf("setrlimit: %w", err)
		}
	}

	return nil
}

// withParent has a program end with this one.
func withParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
