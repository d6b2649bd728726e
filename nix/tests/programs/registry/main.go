// SPDX-License-Identifier: MPL-2.0

// registry is a container registry in memory for tests: it serves on a loopback address, writes "host:port" to the file
// named as its argument once it answers, and ends with its standard input.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "registry: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: registry ADDRESS-FILE")
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}

	// Whole or not there at all, for whoever waits for it.
	temp := args[0] + ".new"
	if err := os.WriteFile(temp, []byte(listener.Addr().String()), 0o644); err != nil {
		return err
	}

	if err := os.Rename(temp, args[0]); err != nil {
		return err
	}

	go func() {
		io.Copy(io.Discard, os.Stdin) // its end is all that matters
		listener.Close()              // the process ends
	}()

	server := &http.Server{Handler: registry.New(), ReadHeaderTimeout: time.Minute}
	if err := server.Serve(listener); !errors.Is(err, net.ErrClosed) {
		return err
	}

	return nil
}
