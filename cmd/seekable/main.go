// SPDX-License-Identifier: MPL-2.0

// Command seekable compresses a disk image into a zstd file whose parts decode each by itself, which m6 makes use of and
// which is to every other program a zstd file like any.
package main

import (
	"errors"
	"fmt"
	"os"

	"talos-nanopi-m6/internal/image"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: seekable IMAGE OUTPUT.zst")
		os.Exit(2)
	}

	if err := compress(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "seekable:", err)
		os.Exit(1)
	}
}

func compress(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()

	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}

	if err := errors.Join(image.WriteFrames(out, in), out.Close()); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", from, err), os.Remove(to))
	}

	return nil
}
