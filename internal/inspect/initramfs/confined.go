// SPDX-License-Identifier: MPL-2.0

package initramfs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
)

// The libraries that read squashfs and cpio allocate what a file says, and one follows tables past a file's end. They
// therefore read in a process of their own, with limits the kernel keeps.
const (
	// ConfinedMemory is how much memory that process may take, in bytes (Linux: RLIMIT_DATA).
	ConfinedMemory = 320 << 20
	// ConfinedSeconds is how much processor time it may take (Linux: RLIMIT_CPU).
	ConfinedSeconds = 120
)

// confinedEnv marks that process.
const confinedEnv = "M6_CONFINED"

// ErrConfined says that the process ended without an answer.
var ErrConfined = errors.New("reading it takes more than it may, or fails")

// Confined is for the start of main, before anything else: in the process that reads an initramfs it does that and
// exits; in any other it does nothing.
func Confined() {
	if os.Getenv(confinedEnv) == "" {
		return
	}

	if err := runConfined(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}

	os.Exit(0)
}

func runConfined() error {
	if err := limit(); err != nil {
		return err
	}

	debug.SetMemoryLimit(ConfinedMemory / 2) // the collector does not wait for the kernel's

	root, err := Decode(os.Stdin)
	if err != nil {
		return err
	}

	return json.NewEncoder(os.Stdout).Encode(root)
}

// Read reads the initramfs in f.
func Read(ctx context.Context, f *os.File) (*Rootfs, error) {
	if _, err := f.Seek(0, 0); err != nil {
		return nil, err
	}

	self, err := os.Executable()
	if err != nil {
		return nil, err
	}

	var out, complaint bytes.Buffer

	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), confinedEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = f, &out, &complaint
	withParent(cmd)

	if err := cmd.Run(); err != nil {
		why, _, _ := strings.Cut(complaint.String(), "\n")
		if why == "" {
			why = err.Error()
		}

		return nil, fmt.Errorf("%w: %s", ErrConfined, why)
	}

	root := &Rootfs{}
	if err := json.Unmarshal(out.Bytes(), root); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfined, err)
	}

	return root, nil
}
