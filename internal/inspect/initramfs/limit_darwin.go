// SPDX-License-Identifier: MPL-2.0

package initramfs

import (
	"fmt"
	"os"
	"os/exec"
	"runtime/metrics"
	"time"

	"golang.org/x/sys/unix"
)

// limit sets this process' limits. macOS keeps that of processor time, and none of memory: the process itself looks.
func limit() error {
	if err := unix.Setrlimit(unix.RLIMIT_CPU, &unix.Rlimit{Cur: ConfinedSeconds, Max: ConfinedSeconds}); err != nil {
		return fmt.Errorf("setrlimit: %w", err)
	}

	go func() {
		memory := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}

		for range time.Tick(10 * time.Millisecond) {
			if metrics.Read(memory); memory[0].Value.Uint64()-memory[1].Value.Uint64() > ConfinedMemory {
				fmt.Fprintln(os.Stderr, "it takes more memory than it may")
				os.Exit(1)
			}
		}
	}()

	return nil
}

func withParent(*exec.Cmd) {}
