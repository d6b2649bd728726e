// SPDX-License-Identifier: MPL-2.0

// Command start-qemu starts QEMU for a test of another module (nix/tests/programs/node), which cannot import internal/qemu:
//
//	start-qemu QEMU [ARGUMENT...]
//
// QEMU's input and output are its own. It ends with QEMU, with the same exit code; QEMU ends with it, or with its standard input.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"talos-nanopi-m6/internal/qemu"
)

func main() {
	err := run(os.Args[1:])
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		os.Exit(exit.ExitCode()) // QEMU has said why
	}

	if err != nil {
		fmt.Fprintf(os.Stderr, "start-qemu: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: start-qemu QEMU [ARGUMENT...]")
	}

	keys, w, err := os.Pipe()
	if err != nil {
		return err
	}

	// In this process' group: a signal to the group stops both.
	m, err := qemu.Process{
		Program: args[0], Args: args[1:], Stdin: keys, Stdout: os.Stdout, Stderr: os.Stderr, Foreground: true,
	}.Start(context.Background())
	if err != nil {
		return err
	}

	unwanted := make(chan struct{})

	go func() {
		defer close(unwanted)

		_, _ = io.Copy(w, os.Stdin) // ends with either
	}()

	select {
	case <-m.Done():
		return m.Err()
	case <-unwanted:
		m.Stop()

		return nil
	}
}
