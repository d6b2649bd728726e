// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

func isInterrupted(err error) bool { return errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) }

// Linux include/uapi/linux/io_uring.h.
type (
	uringParams struct {
		sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFd uint32
		_                                                                      [3]uint32
		sq                                                                     sqOffsets
		cq                                                                     cqOffsets
	}
	sqOffsets struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cqOffsets struct {
		head, tail, mask, entries, overflow, cqes, flags, _ uint32
		_                                                   uint64
	}
	uringEntry struct {
		opcode, flags   uint8
		priority        uint16
		fd              int32
		offset, address uint64
		length, opFlags uint32
		userData        uint64
		_               [3]uint64
	}
	uringResult struct {
		userData uint64
		result   int32
		flags    uint32
	}
)

const (
	uringOpRead     = 22
	uringGetEvents  = 1
	uringSQEs       = 0x10000000
	uringCQRing     = 0x8000000
	uringMark       = 0x1234
	uringTestString = "read through a ring"
)

// readByUring reads a file through a submission and a completion ring.
func readByUring() error {
	path := filepath.Join(os.TempDir(), "io_uring")
	if err := os.WriteFile(path, []byte(uringTestString), 0o600); err != nil {
		return err
	}

	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() // only read

	var params uringParams

	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return fmt.Errorf("io_uring_setup: %w", errno)
	}

	ring := func(offset int64, size uint32) ([]byte, error) {
		return unix.Mmap(int(fd), offset, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	}

	sq, err := ring(0, params.sq.array+4*params.sqEntries)
	if err != nil {
		return err
	}

	cq, err := ring(uringCQRing, params.cq.cqes+params.cqEntries*uint32(unsafe.Sizeof(uringResult{})))
	if err != nil {
		return err
	}

	entries, err := ring(uringSQEs, params.sqEntries*uint32(unsafe.Sizeof(uringEntry{})))
	if err != nil {
		return err
	}

	buffer := make([]byte, len(uringTestString))
	*(*uringEntry)(unsafe.Pointer(&entries[0])) = uringEntry{
		opcode:   uringOpRead,
		fd:       int32(file.Fd()),
		address:  uint64(uintptr(unsafe.Pointer(&buffer[0]))),
		length:   uint32(len(buffer)),
		userData: uringMark,
	}

	*(*uint32)(unsafe.Pointer(&sq[params.sq.array])) = 0
	atomic.AddUint32((*uint32)(unsafe.Pointer(&sq[params.sq.tail])), 1)

	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, fd, 1, 1, uringGetEvents, 0, 0); errno != 0 {
		return fmt.Errorf("io_uring_enter: %w", errno)
	}

	if tail := atomic.LoadUint32((*uint32)(unsafe.Pointer(&cq[params.cq.tail]))); tail != 1 {
		return fmt.Errorf("got %d completions, want 1", tail)
	}

	got := *(*uringResult)(unsafe.Pointer(&cq[params.cq.cqes]))

	runtime.KeepAlive(buffer)

	if got.userData != uringMark || int(got.result) != len(buffer) || string(buffer) != uringTestString {
		return fmt.Errorf("got %+v and %q, want %d bytes %q", got, buffer, len(uringTestString), uringTestString)
	}

	return nil
}
