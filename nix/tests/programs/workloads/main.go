// SPDX-License-Identifier: MPL-2.0

// workloads NAME: one of the workloads on a node that no program of Debian stands for, done once.
// Exit codes: 0 done, 1 it failed (said on standard error), 2 no such workload.
package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

var workloads = map[string]func() error{
	"arm32":       runARM32,
	"io_uring":    readByUring,
	"kvm":         runGuest,
	"nbd":         useNBD,
	"openvswitch": makeDatapath,
}

func main() {
	var workload func() error
	if len(os.Args) == 2 {
		workload = workloads[os.Args[1]]
	}

	if workload == nil {
		fmt.Fprintf(os.Stderr, "workloads: want one of %s\n", strings.Join(slices.Sorted(maps.Keys(workloads)), ", "))
		os.Exit(2)
	}

	if err := workload(); err != nil {
		fmt.Fprintf(os.Stderr, "workloads: %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
