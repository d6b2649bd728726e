// SPDX-License-Identifier: MPL-2.0

//go:build qemu

package board_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"talos-nanopi-m6/internal/fixture/machine"
)

// wire is the cable in the Ethernet port: what goes over it is kept.
type wire struct {
	t    *testing.T
	file string
}

func capture(t *testing.T) wire {
	return wire{t, filepath.Join(t.TempDir(), "wire.pcap")}
}

func (w wire) options() []string {
	return []string{"-nic", "user,id=wire", "-object", "filter-dump,id=dump,netdev=wire,file=" + w.file}
}

// sources gives the addresses that packets came from, the server's left out.
func (w wire) sources() []string {
	w.t.Helper()

	const (
		fileHeader   = 24
		packetHeader = 16
	)

	data, err := os.ReadFile(w.file)
	if err != nil {
		w.t.Fatal(err)
	}

	var found []string

	for at := fileHeader; at+packetHeader+12 <= len(data); {
		source := net.HardwareAddr(data[at+packetHeader+6 : at+packetHeader+12]).String()
		// QEMU's network: its gateway and servers are 52:55:0a:00:02:xx.
		if source[:11] != "52:55:0a:00" && !slices.Contains(found, source) {
			found = append(found, source)
		}

		at += packetHeader + int(binary.LittleEndian.Uint32(data[at+8:]))
	}

	return found
}

func TestBootsOverTFTP(t *testing.T) {
	t.Parallel()

	nic := fmt.Sprintf("user,tftp=%s,bootfile=BOOTAA64.EFI", machine.Input(t, "BOARD_GRUB"))
	start(t, "", append(sd.drive(sd.written(t)), "-nic", nic)...).Until("GNU GRUB|grub>")
}

// The server is a program that QEMU starts: its end closes the connection, which is how U-Boot's wget knows the file's.
func TestBootsOverHTTP(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	efi := filepath.Join(machine.Input(t, "BOARD_GRUB"), "BOOTAA64.EFI")
	server := filepath.Join(dir, "server")

	data, err := os.ReadFile(efi)
	if err != nil {
		t.Fatal(err)
	}

	// One write for header and data: U-Boot's wget gives up ("queue overrun") when the header comes in pieces.
	response := filepath.Join(dir, "response")
	header := fmt.Appendf(nil, "HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n", len(data))

	if err := os.WriteFile(response, slices.Concat(header, data), 0o600); err != nil {
		t.Fatal(err)
	}

	script := "#!/bin/sh\nwhile read -r line && [ \"${#line}\" -gt 1 ]; do :; done\ncat " + response + "\n"
	if err := os.WriteFile(server, []byte(script), 0o700); err != nil { // a program
		t.Fatal(err)
	}

	nic := "user,bootfile=http://10.0.2.100/BOOTAA64.EFI,guestfwd=tcp:10.0.2.100:80-cmd:" + server
	start(t, "", append(sd.drive(sd.written(t)), "-nic", nic)...).Until("GNU GRUB|grub>")
}

// V1 and V2 have phy-mode rgmii-rxid: the PHY delays what it sends, so the MAC delays what it sends alone (tx_delay 0x42).
func TestMACDelaysTheSendingSideAlone(t *testing.T) {
	t.Parallel()

	const (
		delaysOn = 0xfd58c31c // sys_grf, GMAC_CON7: two bits a MAC, sending side first
		delays   = 0xfd58c324 // GMAC_CON9: MAC 1's, the receiving side's in the upper byte
	)

	board := start(t, "", append(sd.drive(sd.written(t)), "-nic", "user")...)
	board.Prompt()
	board.Ask("dhcp")

	for register, want := range map[uint64]string{delaysOn: "00000010", delays: "00000042"} {
		if got := board.Ask(fmt.Sprintf("md.l %#x 1", register)); !strings.Contains(got, fmt.Sprintf("%08x: %s", register, want)) {
			t.Errorf("%#x: got %q, want %s", register, got, want)
		}
	}
}
