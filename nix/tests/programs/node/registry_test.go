// SPDX-License-Identifier: MPL-2.0

//go:build life

package node_test

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// relay is the way to a registry, which can be cut.
type relay struct {
	port   string
	target string

	mu sync.Mutex
	// left is how many bytes go to the node until the way is cut. Below zero it never is.
	left int64
}

// serve starts a registry (nix/tests/programs/registry) with images, REPOSITORY:TAG=PATH each, and gives the way to it: through
// a port, or through any when it is "0".
func serve(t *testing.T, port string, images ...string) *relay {
	t.Helper()

	address := filepath.Join(t.TempDir(), "address")
	cmd := exec.Command(os.Getenv("NODE_REGISTRY"), append([]string{address}, images...)...)
	cmd.Stderr = os.Stderr

	end, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		_ = end.Close()
		_ = cmd.Wait()
	})

	var target []byte

	for deadline := time.Now().Add(patience); len(target) == 0; time.Sleep(100 * time.Millisecond) {
		if target, err = os.ReadFile(address); err != nil && time.Now().After(deadline) {
			t.Fatal(err)
		}
	}

	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = listener.Close() })

	_, port, _ = strings.Cut(listener.Addr().String(), ":")
	r := &relay{port: port, target: string(target), left: -1}

	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}

			go r.carry(t.Context(), conn)
		}
	}()

	return r
}

// name is an image's for the node, on QEMU's user network.
func (r *relay) name(image string) string { return r.host() + "/" + image }

// host is the registry's for the node.
func (r *relay) host() string { return "10.0.2.2:" + r.port }

func (r *relay) carry(ctx context.Context, node net.Conn) {
	defer node.Close() // its end is all that matters

	registry, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.target)
	if err != nil {
		return
	}

	defer registry.Close() // as above

	go func() { _, _ = io.Copy(registry, node) }() // ends with either

	for buffer := make([]byte, 32<<10); ; {
		n, err := registry.Read(buffer)
		if err != nil || !r.pass(n) {
			return
		}

		if _, err := node.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// pass says whether the way is there for that many bytes more.
func (r *relay) pass(bytes int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()

	if r.left >= 0 {
		r.left = max(0, r.left-int64(bytes))
	}

	return r.left != 0
}

// cutAfter cuts the way once that many bytes went to the node; below zero it is there again.
func (r *relay) cutAfter(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.left = bytes
}

func (r *relay) isCut() bool {
	r.mu.Lock()
	defer r.mu.Unlock()

	return r.left == 0
}
