// SPDX-License-Identifier: MPL-2.0

//go:build qemu

package board_test

import (
	"fmt"
	"strings"
	"testing"
)

// What the board forbids ends the run with a line that names it. Each is done by hand at U-Boot's prompt, so that a check
// which passes is known to be able to fail.
func TestWhatTheBoardForbidsEndsTheRunWithALineThatNamesIt(t *testing.T) {
	const (
		gpio4Data      = 0xfec50000 // pins 0 to 15; the upper half of a write is its mask
		gpio4Direction = 0xfec50008
		sdSupply       = 1 << 12 // PB4

		sdHostLines = 0xfe2c0018
		sdHostRate  = 0xfe2c0074

		busIOC    = 0xfd5f8000
		sdClock   = busIOC + 4*0x20 + 0x1c // PD4 to PD7, four bits a pin
		sdClockIs = 4                      // PD5

		gpio3DataHigh      = 0xfec40004 // pins 16 to 31
		gpio3DirectionHigh = 0xfec4000c
		slotPower          = 1 << (22 - 16) // PC6
		pcieLink           = "mw.l fe190000 000c000c"

		nobody = 0xf1000000 // no device, no memory
	)

	for _, tt := range []struct {
		name     string
		commands []string
		want     string
	}{
		{
			name:     "an address that nothing answers",
			commands: []string{fmt.Sprintf("md.l %#x 1", nobody)},
			want:     fmt.Sprintf("read of 4 bytes at %#x, which no model covers", nobody),
		},
		{
			name: "a card without supply",
			commands: []string{
				fmt.Sprintf("mw.l %#x %#x", gpio4Data, sdSupply<<16),
				fmt.Sprintf("mw.l %#x %#x", gpio4Direction, sdSupply<<16|sdSupply),
				"mmc read 2000000 0 1",
			},
			want: `SD card: CMD\d+ without supply`,
		},
		{
			name: "a card at the wrong I/O voltage",
			// PLDO5 to 1.8 V.
			commands: append(pmicWrite(0x52, 0x68), "mmc read 2000000 0 1"),
			want:     `SD card: CMD\d+ at 1800 mV of I/O, the card signals at 3.3 V`,
		},
		{
			name: "a pin that is not the device's",
			commands: []string{
				fmt.Sprintf("mw.l %#x %#x", sdClock, 0xf<<(sdClockIs+16)),
				"mmc read 2000000 0 1",
			},
			want: "SD host is used while its pin gpio4 PD5 has function 0, not 1",
		},
		{
			name:     "data on one line from a card that uses four",
			commands: []string{fmt.Sprintf("mw.l %#x 0", sdHostLines), "mmc read 2000000 0 1"},
			want:     `SD host: CMD\d+ moves data on one line, the card on four`,
		},
		{
			name:     "data at double rate from a card that does not",
			commands: []string{fmt.Sprintf("mw.l %#x 10000", sdHostRate), "mmc read 2000000 0 1"},
			want:     `SD host: CMD\d+ moves data at double rate, the card is not at DDR50`,
		},
		{
			name:     "a DMA outside memory",
			commands: []string{"dcache off", fmt.Sprintf("mmc read %#x 0 1", nobody)},
			want:     fmt.Sprintf("SD host: DMA of 512 bytes at %#x, where no memory is", nobody),
		},
		{
			name: "a rail that the board does not stand",
			// BUCK3 to 3.4 V.
			commands: pmicWrite(0x1c, 0xff),
			want:     `rail dcdc3 \(logic\) is set to 3400000 uV; the board stands 675000 to 750000`,
		},
		{
			name: "a rail that is needed switched off",
			// POWER_EN0: BUCK3's bit is written, as 0.
			commands: pmicWrite(0, 0x40),
			want:     `rail dcdc3 \(logic\) is switched off while it is needed`,
		},
		{
			name: "flash and eMMC on the same pins",
			// The flash's pins to it, and then the eMMC.
			commands: []string{
				"mmc dev 0", "mw.l fd5f805c ffff2222", "mw.l fd5f8058 ffff2222", "mw.l fd5f8040 000f0002",
				"mmc read 2000000 0 1",
			},
			want: "eMMC host is used while its pin gpio2 PA0 has function 2, not 1",
		},
		{
			name:     "a PCIe link with the slot's power off",
			commands: []string{pcieLink, "md.l fe190300 1"},
			want:     "PCIe m2m: link asked for with the slot's power off",
		},
		{
			name: "a PCIe link with PERST# low, which is what a wrong pin for it looks like",
			commands: []string{
				fmt.Sprintf("mw.l %#x %#x", gpio3DirectionHigh, slotPower<<16|slotPower),
				fmt.Sprintf("mw.l %#x %#x", gpio3DataHigh, slotPower<<16|slotPower),
				// A driver may ask first, and let PERST# go then.
				pcieLink, "sleep 1", "md.l fe190300 1",
			},
			want: "PCIe m2m: link asked for with PERST# low",
		},
		{
			name: "an SMC call that BL31 does not know",
			// mov w0, #0x83000000; smc #0; ret
			commands: []string{"mw.l 2000000 52b06000", "mw.l 2000004 d4000003", "mw.l 2000008 d65f03c0", "go 2000000"},
			want:     "SMC 0x83000000: BL31 does not know it",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			drives := append(sd.drive(sd.written(t)), emmc.drive(emmc.blank(t))...)
			drives = append(drives, nvme.drive(nvme.blank(t))...)
			board := start(t, "", drives...)
			board.Prompt()
			board.Ask("mmc dev 1")

			// The last one ends the run.
			last := len(tt.commands) - 1
			for _, command := range tt.commands[:last] {
				board.Ask(command)
			}

			board.Type(tt.commands[last] + "\n")
			board.fault(tt.want)
		})
	}
}

func TestAFaultCanBeReportedWithoutEndingTheRun(t *testing.T) {
	t.Parallel()

	board := start(t, ",faults-end=off", sd.drive(sd.written(t))...)
	board.Prompt()

	fault := "board fault: read of 4 bytes at 0xf1000000"
	if got := board.Ask("md.l f1000000 1"); !strings.Contains(got, fault) {
		t.Errorf("got %q, want %q in it", got, fault)
	}

	if got, want := board.Ask("echo still here"), "still here"; strings.Count(got, want) != 2 {
		t.Errorf("got %q, want %q typed and said", got, want)
	}
}

// pmicWrite are the commands of U-Boot that write a register of the PMIC: SPI2's pins, its controller for writing, the bytes.
func pmicWrite(register, value byte) []string {
	return []string{
		"mw.l fd5f0004 0ff00110", "mw.l fd5f0008 f0f01010",
		"mw.l feb20000 00040001", "mw.l feb20008 1", "mw.l feb2000c 1",
		"mw.l feb20400 80", fmt.Sprintf("mw.l feb20400 %x", register), "mw.l feb20400 0", fmt.Sprintf("mw.l feb20400 %x", value),
	}
}
