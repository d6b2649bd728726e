// SPDX-License-Identifier: MPL-2.0

//go:build qemu

package board_test

import (
	"testing"

	boardjson "talos-nanopi-m6/internal/board"
)

// The MAC addresses of the model's board: the EEPROM's (nanopi-m6.c), and what U-Boot makes of the CPU's id in OTP.
const (
	eepromMAC = "52:54:4d:36:00:01"
	otpMAC    = "d2:d1:35:93:ee:b6"
)

func TestBoardIDChoosesTheKernelsTree(t *testing.T) {
	for _, tt := range []struct{ board, says, tree string }{
		{"v1", "Board: NanoPi M6 V1, id 2818", boardjson.DeviceTrees[0]},
		{"v2", "Board: NanoPi M6 V2, id 3314", boardjson.DeviceTrees[1]},
		{"unknown", "Board: NanoPi M6, id 2000 not known: taken for V1", boardjson.DeviceTrees[0]},
	} {
		t.Run(tt.board, func(t *testing.T) {
			t.Parallel()

			board := start(t, ",board="+tt.board, sd.drive(sd.written(t))...)
			board.Until(tt.says)
			board.Prompt()
			board.Type("print fdtfile\n")
			board.Until("\nfdtfile=rockchip/" + tt.tree)
		})
	}
}

// Each address as DHCP's server sees it, through the PHY of either board.
func TestMACAddressOnTheWire(t *testing.T) {
	for _, tt := range []struct{ name, properties, want string }{
		{"the EEPROM's", ",board=v1", eepromMAC},
		{"the EEPROM's on V2", ",board=v2", eepromMAC},
		{"made of OTP where the EEPROM is empty", ",eeprom-empty=on", otpMAC},
		{"the EEPROM's where OTP is not readable", ",otp-unreadable=on", eepromMAC},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			wire := capture(t)
			board := start(t, tt.properties, append(sd.drive(sd.written(t)), wire.options()...)...)
			board.Prompt()
			board.Type("dhcp\n")
			board.Until("DHCP client bound to address 10.0.2.15")

			if got := wire.sources(); len(got) != 1 || got[0] != tt.want {
				t.Errorf("got packets from %v, want them from %s alone", got, tt.want)
			}
		})
	}
}

func TestRandomMACAddressWhereNothingCanBeRead(t *testing.T) {
	t.Parallel()

	wire := capture(t)
	args := append(sd.drive(sd.written(t)), wire.options()...)
	board := start(t, ",eeprom-empty=on,otp-unreadable=on", args...)
	board.Prompt()
	board.Type("dhcp\n")
	board.Until("DHCP client bound to address 10.0.2.15")

	got := wire.sources()
	if len(got) != 1 || got[0] == otpMAC || got[0] == eepromMAC {
		t.Errorf("got packets from %v, want one address that is neither the EEPROM's nor OTP's", got)
	}
}

func TestRecoveryButtonIsTheKernels(t *testing.T) {
	t.Parallel()

	start(t, ",recovery=on", sd.drive(sd.written(t))...).Until(reached)
}

func TestNothingStartsWithoutMemory(t *testing.T) {
	t.Parallel()

	board := start(t, ",ddr=off", sd.drive(sd.written(t))...)
	board.Until("mask ROM: the DDR blob finds no memory")
}
