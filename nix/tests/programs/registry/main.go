// SPDX-License-Identifier: MPL-2.0

// registry is a container registry in memory for tests: it serves on a loopback address, writes "host:port" to the file
// named as its argument once it answers, and ends with its standard input. What is named after that is in it from the start:
// OCI image layouts and Docker image archives.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "registry: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: registry ADDRESS-FILE [REPOSITORY:TAG=LAYOUT-OR-ARCHIVE...]")
	}

	// Who fills it is not heard over who asks it.
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))

	if err := fill(handler, args[1:]); err != nil {
		return err
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
		_, _ = io.Copy(io.Discard, os.Stdin) // its end is all that matters
		listener.Close()                     // the process ends
	}()

	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	if err := server.Serve(listener); !errors.Is(err, net.ErrClosed) {
		return err
	}

	return nil
}

// fill pushes images to a registry before anybody else can ask it.
func fill(handler http.Handler, images []string) error {
	server := httptest.NewServer(handler)
	defer server.Close()

	for _, image := range images {
		tag, path, ok := strings.Cut(image, "=")
		if !ok {
			return fmt.Errorf("%q is not of the form REPOSITORY:TAG=PATH", image)
		}

		ref, err := name.NewTag(strings.TrimPrefix(server.URL, "http://") + "/" + tag)
		if err != nil {
			return err
		}

		if err := push(ref, path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}

	return nil
}

func push(ref name.Tag, path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}

	if st.IsDir() {
		index, err := layout.ImageIndexFromPath(path)
		if err != nil {
			return err
		}

		return remote.WriteIndex(ref, index)
	}

	image, err := tarball.ImageFromPath(path, nil)
	if err != nil {
		return err
	}

	return remote.Write(ref, image)
}
