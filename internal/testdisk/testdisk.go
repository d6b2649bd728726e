// SPDX-License-Identifier: MPL-2.0

// Package testdisk gives tests a disk: a loop device where the machine allows it, a file where it does not.
package testdisk

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/siderolabs/go-blockdevice/v2/block"
	"golang.org/x/sys/unix"
)

// File makes an empty sparse file of size bytes.
func File(t testing.TB, size int64) string {
	t.Helper()

	name := filepath.Join(t.TempDir(), "disk.img")

	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}

	defer f.Close() //nolint:errcheck // nothing is written

	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}

	return name
}

// Loop makes a loop device on top of a file, with blocks of blockSize bytes, and removes it when the test ends. It says
// false where the machine has no loop devices for the test.
func Loop(t testing.TB, file string, blockSize uint32, readOnly bool) (string, bool) {
	t.Helper()

	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return unavailable(t, err)
	}

	defer control.Close() //nolint:errcheck // only asked

	backing, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}

	defer backing.Close() //nolint:errcheck // the loop device has its own

	config := unix.LoopConfig{Fd: uint32(backing.Fd()), Size: blockSize}
	if readOnly {
		config.Info.Flags |= unix.LO_FLAGS_READ_ONLY
	}

	// Another test may take the free number first.
	for range 20 {
		number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return unavailable(t, err)
		}

		name := fmt.Sprintf("/dev/loop%d", number)

		loop, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return unavailable(t, err)
		}

		if err = unix.IoctlLoopConfigure(int(loop.Fd()), &config); err != nil {
			loop.Close() //nolint:errcheck // not configured

			if err == unix.EBUSY {
				continue
			}

			return unavailable(t, err)
		}

		loop.Close() //nolint:errcheck // opened again by whoever uses it

		t.Cleanup(func() {
			if loop, err := os.OpenFile(name, os.O_RDWR, 0); err == nil {
				unix.IoctlSetInt(int(loop.Fd()), unix.LOOP_CLR_FD, 0) //nolint:errcheck // the machine's end cleans up as well
				loop.Close()                                          //nolint:errcheck // the same
			}
		})

		return name, true
	}

	return unavailable(t, unix.EBUSY)
}

// Partition makes a partition of a MiB on the loop device, and a device node for it. It says false where the machine does
// not allow it.
func Partition(t testing.TB, loop string) (string, bool) {
	t.Helper()

	f, err := os.OpenFile(loop, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}

	defer f.Close() //nolint:errcheck // only asked

	if err := unix.IoctlLoopSetStatus64(int(f.Fd()), &unix.LoopInfo64{Flags: unix.LO_FLAGS_PARTSCAN}); err != nil {
		return unavailable(t, err)
	}

	// The kernel is told, so that it need not know the partition table.
	if err := block.NewFromFile(f).KernelPartitionAdd(1, 1<<20, 1<<20); err != nil {
		return unavailable(t, err)
	}

	base := filepath.Base(loop)

	numbers, err := os.ReadFile(filepath.Join("/sys/class/block", base+"p1", "dev"))
	if err != nil {
		return unavailable(t, err)
	}

	var major, minor uint32
	if _, err := fmt.Sscanf(string(numbers), "%d:%d", &major, &minor); err != nil {
		t.Fatal(err)
	}

	node := filepath.Join(t.TempDir(), base+"p1")
	if err := unix.Mknod(node, unix.S_IFBLK|0o600, int(unix.Mkdev(major, minor))); err != nil {
		return unavailable(t, err)
	}

	return node, true
}

func unavailable(t testing.TB, err error) (string, bool) {
	t.Helper()
	t.Logf("no loop device for this test: %v", err)

	return "", false
}
