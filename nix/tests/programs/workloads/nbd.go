// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Linux include/uapi/linux/nbd.h.
const (
	nbdSetSock       = 0xab00
	nbdSetBlockSize  = 0xab01
	nbdDoIt          = 0xab03
	nbdSetSizeBlocks = 0xab07

	nbdRequestMagic = 0x25609513
	nbdReplyMagic   = 0x67446698
	nbdRead         = 0
	nbdWrite        = 1

	nbdBlock  = 4096
	nbdBlocks = 16
	nbdDevice = "/dev/nbd0"
)

type nbdRequest struct {
	Magic, Type uint32
	Handle      [8]byte
	From        uint64
	Length      uint32
}

// serveNBD answers the kernel's requests out of memory until the connection ends.
func serveNBD(connection io.ReadWriter) {
	disk := make([]byte, nbdBlock*nbdBlocks)

	for {
		var request nbdRequest
		if err := binary.Read(connection, binary.BigEndian, &request); err != nil || request.Magic != nbdRequestMagic {
			return
		}

		part := disk[request.From : request.From+uint64(request.Length)]

		if request.Type&0xffff == nbdWrite {
			if _, err := io.ReadFull(connection, part); err != nil {
				return
			}
		}

		reply := binary.BigEndian.AppendUint32(nil, nbdReplyMagic)
		reply = binary.BigEndian.AppendUint32(reply, 0)
		reply = append(reply, request.Handle[:]...)

		if request.Type&0xffff == nbdRead {
			reply = append(reply, part...)
		}

		if _, err := connection.Write(reply); err != nil {
			return
		}
	}
}

// useNBD writes to a disk whose other end is this program, and reads it back past the page cache.
func useNBD() error {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}

	device, err := unix.Open(nbdDevice, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", nbdDevice, err)
	}

	for _, set := range []struct {
		request uint
		value   int
	}{{nbdSetBlockSize, nbdBlock}, {nbdSetSizeBlocks, nbdBlocks}, {nbdSetSock, ends[0]}} {
		if _, err := ioctl(device, set.request, uintptr(set.value)); err != nil {
			return err
		}
	}

	go serveNBD(os.NewFile(uintptr(ends[1]), "server"))

	ended := make(chan error, 1)

	go func() {
		_, err := ioctl(device, nbdDoIt, 0)
		ended <- err
	}()

	want := bytes.Repeat([]byte("over the network"), nbdBlock/16)

	// The device has its size once nbdDoIt runs.
	for range 50 {
		select {
		case err := <-ended:
			return fmt.Errorf("the connection ended: %w", err)
		case <-time.After(100 * time.Millisecond):
		}

		if err = writeAndRead(want); err == nil {
			return nil
		}
	}

	return err
}

func writeAndRead(want []byte) error {
	disk, err := os.OpenFile(nbdDevice, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer disk.Close() // synced below

	if _, err := disk.WriteAt(want, nbdBlock); err != nil {
		return err
	}

	if err := disk.Sync(); err != nil {
		return err
	}

	if err := unix.Fadvise(int(disk.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return err
	}

	got := make([]byte, len(want))
	if _, err := disk.ReadAt(got, nbdBlock); err != nil {
		return err
	}

	if !bytes.Equal(got, want) {
		return fmt.Errorf("got %q…, want %q…", got[:16], want[:16])
	}

	return nil
}
