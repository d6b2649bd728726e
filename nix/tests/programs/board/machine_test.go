// SPDX-License-Identifier: MPL-2.0

//go:build qemu

// Package board starts the board's own loader, bit-for-bit what an image holds, on a model of the NanoPi M6
// (nix/tests/qemu): mask ROM, SPL, BL31, U-Boot. docs/board-model.md says what the model proves and what not.
//
//	BOARD_QEMU=qemu-system-aarch64 BOARD_UBOOT=DIRECTORY BOARD_GRUB=DIRECTORY go test -tags qemu ./nix/tests/programs/board
//
// Time is counted in instructions, and passes at once where the processor waits: no outcome depends on this machine's
// load, and a watchdog's minute takes no minute.
package board_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"talos-nanopi-m6/internal/fixture/machine"
)

// faultStatus is QEMU's exit status where the board forbids something (RK3588_FAULT_STATUS in rk3588.h).
const faultStatus = 70

// model is a running board: what its console and the model say, and what is typed.
type model struct {
	*machine.Machine
	t *testing.T
}

// start switches the board on. properties are the machine's, of the form ,name=value.
func start(t *testing.T, properties string, args ...string) model {
	t.Helper()

	return model{machine.Start(t, machine.Input(t, "BOARD_QEMU"), append([]string{
		"-M", "nanopi-m6" + properties, "-icount", "shift=4,sleep=off", "-display", "none", "-monitor", "none",
		"-serial", "stdio", "-d", "trace:nanopi_m6_led,trace:rk3588_card_io_voltage,trace:rk3588_card_low_voltage",
	}, args...)...), t}
}

// fault waits for the line by which the model ends the run, and for its end.
func (m model) fault(expression string) {
	m.t.Helper()
	m.Until("board fault: " + expression)

	if got := m.Status(); got != faultStatus {
		m.t.Errorf("got exit status %d, want %d", got, faultStatus)
	}
}

// mediumKind is a file that stands for a card, a module or a flash chip.
type mediumKind struct {
	name   string
	size   int64
	option string
	device string // what it is connected by, where the option does not say so: one device or several
}

var (
	sd   = mediumKind{"sd", 4 << 30, "if=sd,index=0", ""}
	emmc = mediumKind{"emmc", 4 << 30, "if=sd,index=1", ""}
	nor  = mediumKind{"nor", 16 << 20, "if=mtd", ""}
	sata = mediumKind{"SATA in the M-key slot", 64 << 20, "if=none,id=sata", "ich9-ahci,id=ahci,bus=m2m ide-hd,bus=ahci.0,drive=sata"}
	ekey = mediumKind{"SATA in the E-key slot", 64 << 20, "if=none,id=ekey", "ich9-ahci,id=e,bus=m2e ide-hd,bus=e.0,drive=ekey"}
	nvme = mediumKind{"nvme in the M-key slot", 4 << 30, "if=none,id=nvme", "nvme,bus=m2m,drive=nvme,serial=model"}
	usb3 = mediumKind{"the USB 3 port's", 64 << 20, "if=none,id=usb3", "usb-storage,bus=usb-bus.4,drive=usb3"}
	usb2 = mediumKind{"a USB 2 port's", 64 << 20, "if=none,id=usb2", "usb-storage,bus=usb-bus.0,port=2,drive=usb2"}
)

// blank is the medium with nothing on it.
func (m mediumKind) blank(t *testing.T) *os.File {
	t.Helper()

	file, err := os.Create(filepath.Join(t.TempDir(), "medium"))
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { file.Close() })

	if err := file.Truncate(m.size); err != nil {
		t.Fatal(err)
	}

	return file
}

func (m mediumKind) drive(file *os.File) []string {
	args := []string{"-drive", fmt.Sprintf("%s,format=raw,file=%s", m.option, file.Name())}
	for device := range strings.FieldsSeq(m.device) {
		args = append(args, "-device", device)
	}

	return args
}
