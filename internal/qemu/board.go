// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"errors"
	"fmt"
	"math/bits"
	"path/filepath"
	"slices"
	"strconv"
)

// BoardProgram is the QEMU that has the model of the board (nix/tests/qemu): no other has.
const BoardProgram = "qemu-nanopi-m6"

// BoardDisks are the media a board takes an image from. The mask ROM reads the card and the eMMC module; from NVMe and
// USB the image starts with the loader on a card.
var BoardDisks = []Disk{SD, EMMC, NVMe, USB}

// boardCores is what an RK3588S has.
const boardCores = 8

// Memory of the boards that are sold, in MiB.
const (
	boardMemoryDefault  = 4 << 10
	boardMemorySmallest = 2 << 10
	boardMemoryLargest  = 32 << 10
)

// SmallestCard is in bytes: the model's cards are SDHC, which begins above 2 GiB.
const SmallestCard = 4 << 30

// NeedsCard says that the mask ROM cannot read the medium: the loader is on a card beside it, or in SPI flash.
func (d Disk) NeedsCard() bool { return d == NVMe || d == USB }

// boardArgs is QEMU's command line for the board's model. image is an absolute path.
func (o Options) boardArgs(image string) ([]string, error) {
	switch {
	case !slices.Contains(BoardDisks, o.Disk):
		return nil, fmt.Errorf("disk %q: the board has %v", o.Disk, BoardDisks)
	case o.CPUs != boardCores:
		return nil, fmt.Errorf("%d CPUs: the board has %d", o.CPUs, boardCores)
	case o.MemoryMiB < boardMemorySmallest || o.MemoryMiB > boardMemoryLargest || bits.OnesCount(uint(o.MemoryMiB)) != 1:
		return nil, fmt.Errorf("%d MiB of memory: boards have 2048, 4096, 8192, 16384 or 32768", o.MemoryMiB)
	case o.KVM:
		return nil, errors.New("the board's model starts at EL3, which KVM does not offer")
	case o.Card != "" && !o.Disk.NeedsCard():
		return nil, fmt.Errorf("card %s: with the image on %s the loader is there as well", o.Card, o.Disk)
	case o.Flash != "" && !o.Disk.NeedsCard():
		return nil, fmt.Errorf("SPI flash %s: with the image on %s the loader is there as well", o.Flash, o.Disk)
	case o.Flash != "" && o.Card != "":
		return nil, fmt.Errorf("SPI flash %s and card %s: the loader is in one of them", o.Flash, o.Card)
	}

	args := []string{
		"-nodefaults", "-no-user-config",
		"-display", "none",
		"-machine", "nanopi-m6",
		"-m", strconv.Itoa(o.MemoryMiB),
		"-nic", "user" + o.forward(),
		"-d", "trace:nanopi_m6_led",
	}

	if o.CountInstructions {
		args = append(args, "-icount", "shift=1,sleep=on")
	}

	file := "format=raw,snapshot=on,file=" + escape(image)

	switch o.Disk {
	case SD:
		args = append(args, "-drive", "if=sd,index=0,"+file)
	case EMMC:
		args = append(args, "-drive", "if=sd,index=1,"+file)
	case NVMe:
		args = append(args, "-drive", "if=none,id=disk,"+file, "-device", "nvme,bus=m2m,drive=disk,serial=nanopi-m6")
	case USB:
		args = append(args, "-drive", "if=none,id=disk,"+file, "-device", "usb-storage,bus=usb-bus.4,drive=disk,serial=nanopi-m6")
	}

	for _, loader := range []struct{ interfaces, file string }{{"if=sd,index=0", o.Card}, {"if=mtd", o.Flash}} {
		if loader.file == "" {
			continue
		}

		file, err := filepath.Abs(loader.file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", loader.file, err)
		}

		args = append(args, "-drive", loader.interfaces+",format=raw,snapshot=on,file="+escape(file))
	}

	if o.Interactive {
		return append(args, "-chardev", "stdio,id=console,mux=on,signal=off", "-serial", "chardev:console", "-mon", "chardev=console"), nil
	}

	return append(args, "-chardev", "stdio,id=board,signal=off", "-serial", "chardev:board", "-monitor", "none"), nil
}
