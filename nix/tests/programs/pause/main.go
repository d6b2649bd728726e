// SPDX-License-Identifier: MPL-2.0

// pause holds a pod's namespaces: it waits until it is told to end, and reaps what others leave to it.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)

	for s := range signals {
		if s != syscall.SIGCHLD {
			return
		}

		// One signal may stand for many.
		for pid := 1; pid > 0; {
			pid, _ = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		}
	}
}
