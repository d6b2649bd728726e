// SPDX-License-Identifier: MPL-2.0

//go:build life

package node_test

import (
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// ethernet is a switch between QEMU's netdevs of type stream: a frame goes where its receiver was last heard of, or everywhere.
type ethernet struct {
	mu    sync.Mutex
	ports map[net.Conn]bool
	where map[[6]byte]net.Conn // by MAC address
}

// startSwitch starts one, behind a Unix socket of that name.
func startSwitch(t *testing.T, socket string) {
	t.Helper()

	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = listener.Close() })

	e := &ethernet{ports: map[net.Conn]bool{}, where: map[[6]byte]net.Conn{}}

	go func() {
		for {
			port, err := listener.Accept()
			if err != nil {
				return
			}

			e.mu.Lock()
			e.ports[port] = true
			e.mu.Unlock()

			go e.serve(port)
		}
	}()
}

// serve carries what a port sends, until it is unplugged. A frame comes behind its length, four bytes, big-endian (QEMU's
// net/stream.c).
func (e *ethernet) serve(port net.Conn) {
	defer e.unplug(port)

	for {
		message := make([]byte, 4)
		if _, err := io.ReadFull(port, message); err != nil {
			return
		}

		length := binary.BigEndian.Uint32(message)
		message = append(message, make([]byte, length)...)

		if _, err := io.ReadFull(port, message[4:]); err != nil {
			return
		}

		// Receiver and sender are its first twelve bytes.
		if length >= 12 {
			e.carry(port, message, [6]byte(message[4:10]), [6]byte(message[10:16]))
		}
	}
}

// carry takes a frame from a port to where it belongs.
func (e *ethernet) carry(from net.Conn, message []byte, receiver, sender [6]byte) {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.where[sender] = from

	for port := range e.ports {
		if known := e.where[receiver]; port != from && (known == nil || known == port) {
			_, _ = port.Write(message) // one that is unplugged gets none
		}
	}
}

// unplug forgets a port.
func (e *ethernet) unplug(port net.Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()

	_ = port.Close()

	delete(e.ports, port)

	for address, where := range e.where {
		if where == port {
			delete(e.where, address)
		}
	}
}

func TestASwitchGivesAFrameToItsReceiverAlone(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "switch")
	startSwitch(t, socket)

	everyone := [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	address := func(port int) [6]byte { return [6]byte{0x52, 0x54, 0, 0, 0, byte(port)} }
	frame := func(receiver, sender [6]byte, content string) []byte {
		return slices.Concat(receiver[:], sender[:], []byte(content))
	}

	ports := make([]net.Conn, 3)
	for i := range ports {
		var err error
		if ports[i], err = net.Dial("unix", socket); err != nil {
			t.Fatal(err)
		}

		defer ports[i].Close() // ends the switch's side as well
	}

	send := func(port int, frame []byte) {
		t.Helper()

		if _, err := ports[port].Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)); err != nil {
			t.Fatal(err)
		}
	}
	comes := func(port int, want []byte) {
		t.Helper()

		got := make([]byte, 4+len(want))

		_ = ports[port].SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.ReadFull(ports[port], got); err != nil {
			t.Fatalf("port %d: got %v, want the frame %q", port, err, want)
		}

		if length := binary.BigEndian.Uint32(got); int(length) != len(want) || string(got[4:]) != string(want) {
			t.Fatalf("port %d: got %d bytes, %q, want %d, %q", port, length, got[4:], len(want), want)
		}
	}

	// The last one first: the switch has the others by then.
	for i := range slices.Backward(ports) {
		hello := frame(everyone, address(i), "here I am")
		send(i, hello)

		for other := range ports {
			if other != i {
				comes(other, hello)
			}
		}
	}

	// Port 2 would have got the first frame before the second.
	first, last := frame(address(1), address(0), "for port 1"), frame(everyone, address(0), "for everyone")
	send(0, first)
	send(0, last)
	comes(1, first)
	comes(1, last)
	comes(2, last)
}
