// SPDX-License-Identifier: MPL-2.0

//go:build qemu

package board_test

import (
	"fmt"
	"strings"
	"testing"
)

// The voltage of the card's I/O is the PMIC's, which a warm reset does not reach (docs/board.md, "The card's voltage").
func TestACardAt1800mVIsReadByNobodyAfterAWarmReset(t *testing.T) {
	t.Run("the mask ROM", func(t *testing.T) {
		t.Parallel()

		board := startAt1800mV(t, sd.drive(sd.written(t))...)
		board.Until("mask ROM: no loader on any medium")
	})
	t.Run("U-Boot of another medium", func(t *testing.T) {
		t.Parallel()

		board := startAt1800mV(t, append(sd.drive(sd.written(t)), emmc.drive(emmc.written(t))...)...)
		board.Until("mask ROM: starts from the eMMC")
		board.Prompt()
		board.Type("mmc dev 1\n")
		board.fault("SD card: CMD0 at 1800 mV of I/O, the card signals at 3.3 V")
	})
}

// startAt1800mV is a board that is reset while its card signals at 1.8 V.
func startAt1800mV(t *testing.T, drives ...string) model {
	t.Helper()

	board := start(t, ",uhs=on", drives...)
	board.Prompt()
	board.Ask("mmc dev 1")
	board.switchTo1800mV()
	board.Type("reset\n")

	return board
}

// switchTo1800mV does by hand, at U-Boot's prompt, what Linux does with a card that offers it.
func (m model) switchTo1800mV() {
	m.t.Helper()

	const (
		host      = 0xfe2c0000
		clock     = host + 0x10
		argument  = host + 0x28
		command   = host + 0x2c
		response  = host + 0x30
		interrupt = host + 0x44
		status    = host + 0x48

		begin         = 1 << 31
		voltageSwitch = 1 << 28
		clockAlone    = 1 << 21
		answered      = 1 << 6

		ready      = "c1ff8000" // 1.8 V are offered
		switching  = "00000400" // and the command is not done
		linesLow   = "00000204" // busy; nothing in the FIFO
		linesHigh  = "00000004"
		sdIORail   = 0x52
		at1800mV   = 0x68
		at1800mVIs = "SD signals at 1.8 V"
	)

	write := func(address, value uint32) { m.Ask(fmt.Sprintf("mw.l %#x %#x", address, value)) }
	send := func(bits, arg uint32) {
		write(interrupt, 0xffffffff)
		write(argument, arg)
		write(command, begin|bits)
	}
	read := func(what string, address uint32, want string) {
		m.t.Helper()

		if got := m.Ask(fmt.Sprintf("md.l %#x 1", address)); !strings.Contains(got, ": "+want) {
			m.t.Errorf("%s: got %q, want %s", what, got, want)
		}
	}

	send(0, 0)
	send(answered|8, 0x1aa)
	send(answered|55, 0)
	send(answered|41, 0x51ff8000)
	read("ACMD41's response", response, ready)
	send(voltageSwitch|answered|11, 0)
	read("interrupts after CMD11", interrupt, switching)
	read("status after CMD11", status, linesLow)

	write(clock, 0)
	send(voltageSwitch|clockAlone, 0)

	for _, line := range pmicWrite(sdIORail, at1800mV) {
		m.Ask(line)
	}

	read("status without clock", status, linesLow)
	write(clock, 1)
	send(voltageSwitch|clockAlone, 0)
	read("interrupts with the clock", interrupt, switching)
	read("status with the clock", status, linesHigh)

	if !strings.Contains(m.Said(), at1800mVIs) {
		m.t.Errorf("got no %q from the model, want it", at1800mVIs)
	}
}
