// SPDX-License-Identifier: MPL-2.0

//go:build qemu

package board_test

import (
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"talos-nanopi-m6/internal/fixture/machine"
	"talos-nanopi-m6/internal/medium"
	"talos-nanopi-m6/internal/rockchip"
)

// reached is what U-Boot says when it goes through the media for something to boot.
const reached = "Scanning for bootflows in all bootdevs"

// loaderFile is what U-Boot's build makes for a layout.
func loaderFile(t *testing.T, layout rockchip.Layout) []byte {
	t.Helper()

	image, err := os.ReadFile(filepath.Join(machine.Input(t, "BOARD_UBOOT"), layout.File))
	if err != nil {
		t.Fatal(err)
	}

	return image
}

func loader(t *testing.T, layout rockchip.Layout) *rockchip.Loader {
	t.Helper()

	loader, err := rockchip.ParseLoader(loaderFile(t, layout), layout)
	if err != nil {
		t.Fatal(err)
	}

	return loader
}

func layoutOf(m mediumKind) rockchip.Layout {
	if m == nor {
		return rockchip.SPI
	}

	return rockchip.MMC
}

// written is the medium with the loader on it, with its second copies, as the overlay installer leaves it.
func (m mediumKind) written(t *testing.T) *os.File {
	t.Helper()

	return m.with(t, loader(t, layoutOf(m)))
}

// with is the medium with this loader on it.
func (m mediumKind) with(t *testing.T, l *rockchip.Loader) *os.File {
	t.Helper()

	file := m.blank(t)
	image := target{file, m}

	parts, err := medium.LoaderParts(image, l)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := medium.Update(image, parts); err != nil {
		t.Fatal(err)
	}

	return file
}

// target is a file as the installer sees a medium.
type target struct {
	*os.File
	kind mediumKind
}

func (r target) Size() int64     { return r.kind.size }
func (r target) SectorSize() int { return 512 }
func (r target) Blank() byte     { return 0 }
func (r target) Name() string    { return r.kind.name }

// corrupt changes a byte of what is there.
func corrupt(t *testing.T, file *os.File, offset int64) {
	t.Helper()

	b := make([]byte, 1)
	if _, err := file.ReadAt(b, offset); err != nil {
		t.Fatal(err)
	}

	b[0] ^= 0xff

	if _, err := file.WriteAt(b, offset); err != nil {
		t.Fatal(err)
	}
}

var romName = map[string]string{"sd": "the SD card", "emmc": "the eMMC", "nor": "the SPI flash"}

func TestStartsFromEachMedium(t *testing.T) {
	for _, kind := range []mediumKind{sd, emmc, nor} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()

			board := start(t, "", kind.drive(kind.written(t))...)
			board.Until("mask ROM: starts from " + romName[kind.name] + ", idblock at 0x8000")
			board.Until(`NOTICE:  BL31`)
			board.Until(reached)
		})
	}
}

func TestSPIComesBeforeEMMCAndEMMCBeforeSD(t *testing.T) {
	for _, pair := range []struct {
		first, second mediumKind
	}{{nor, sd}, {emmc, sd}, {nor, emmc}} {
		t.Run(pair.first.name+" before "+pair.second.name, func(t *testing.T) {
			t.Parallel()

			var drives []string
			for _, kind := range []mediumKind{pair.first, pair.second} {
				drives = append(drives, kind.drive(kind.written(t))...)
			}

			start(t, "", drives...).Until("mask ROM: starts from " + romName[pair.first.name])
		})
	}
}

func TestEmptyEMMCAndFlashLeaveTheCardToStart(t *testing.T) {
	t.Parallel()

	drives := sd.drive(sd.written(t))
	drives = append(drives, emmc.drive(emmc.blank(t))...)
	drives = append(drives, nor.drive(nor.blank(t))...)

	board := start(t, "", drives...)
	board.Until("mask ROM: starts from the SD card")
	board.Until(reached)
}

// They share pins: what the board started from is on, and the other off.
func TestFlashStartsBesideAnEMMCModule(t *testing.T) {
	t.Parallel()

	drives := nor.drive(nor.written(t))
	drives = append(drives, emmc.drive(emmc.written(t))...)

	board := start(t, "", drives...)
	board.Until("mask ROM: starts from the SPI flash")
	board.Until(reached)

	if strings.Contains(board.Said(), "mmc@fe2e0000") {
		t.Error("got the eMMC in U-Boot, want none: the flash has its pins")
	}
}

func TestSecondIDBlockStartsWhereTheFirstIsTorn(t *testing.T) {
	t.Parallel()

	file := sd.written(t)
	corrupt(t, file, rockchip.MMC.IDBlock+rockchip.HeaderSize+5000)

	board := start(t, "", sd.drive(file)...)
	board.Until(`mask ROM: starts from the SD card, idblock at 0x(88|1[0-9a-f]|2[0-9a-f])[0-9a-f]*`)
	board.Until(reached)
}

func TestSecondFITStartsWhereTheFirstIsTorn(t *testing.T) {
	for _, kind := range []mediumKind{sd, emmc, nor} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()

			file := kind.written(t)
			corrupt(t, file, layoutOf(kind).FIT+100_000)
			start(t, "", kind.drive(file)...).Until(reached)
		})
	}
}

func TestEMMCWithoutAFITStartsTheCards(t *testing.T) {
	t.Parallel()

	module := emmc.written(t)
	corrupt(t, module, rockchip.MMC.FIT+100_000)
	corrupt(t, module, rockchip.MMC.BackupFIT+100_000)

	board := start(t, "", append(emmc.drive(module), sd.drive(sd.written(t))...)...)
	board.Until("mask ROM: starts from the eMMC")
	board.Until("Trying to boot from MMC2")
	board.Until(reached)
}

func TestBothFITsTornSaysSo(t *testing.T) {
	t.Parallel()

	file := sd.written(t)
	corrupt(t, file, rockchip.MMC.FIT+100_000)
	corrupt(t, file, rockchip.MMC.BackupFIT+100_000)

	start(t, "", sd.drive(file)...).Until("SPL: failed to boot from all boot devices")
}

func TestNoLoaderOrItsButtonIsMaskROMMode(t *testing.T) {
	t.Parallel()

	start(t, "", sd.drive(sd.blank(t))...).Until("mask ROM: no loader on any medium: MaskROM mode")
	start(t, ",maskrom=on", sd.drive(sd.written(t))...).Until("mask ROM: button held: MaskROM mode")
}

func TestUBootReadsDisksBeyondCards(t *testing.T) {
	for _, tt := range []struct {
		disk     mediumKind
		commands []string
	}{
		{nvme, []string{"pci enum", "nvme scan", "nvme read 2000000 8 1"}},
		{sata, []string{"pci enum", "scsi scan", "scsi read 2000000 8 1"}},
		{usb3, []string{"usb start", "usb read 2000000 8 1"}},
		{usb2, []string{"usb start", "usb read 2000000 8 1"}},
	} {
		t.Run(tt.disk.name, func(t *testing.T) {
			t.Parallel()

			const written = "A6A6A6A6"

			file := tt.disk.blank(t)
			if _, err := file.WriteAt([]byte(written), 8*512); err != nil {
				t.Fatal(err)
			}

			board := start(t, "", append(sd.drive(sd.written(t)), tt.disk.drive(file)...)...)
			board.Prompt()

			for _, command := range tt.commands {
				board.Ask(command)
			}

			if got := board.Ask("md.b 2000000 8"); !strings.Contains(got, written) {
				t.Errorf("got %q from the disk, want %s", got, written)
			}
		})
	}
}

// An EFI program is longer than what a controller moves before it wants the next address (512 KiB).
func TestUBootReadsLongRuns(t *testing.T) {
	for device, kind := range map[int]mediumKind{0: emmc, 1: sd} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()

			const size = 2 << 20

			file := kind.written(t) // which has the loader in this range
			content := make([]byte, size)

			if _, err := file.ReadAt(content, 0); err != nil {
				t.Fatal(err)
			}

			board := start(t, "", kind.drive(file)...)
			board.Prompt()
			board.Ask(fmt.Sprintf("mmc dev %d", device))
			board.Ask(fmt.Sprintf("mmc read 10000000 0 %x", size/512))

			want := fmt.Sprintf("%08x", crc32.ChecksumIEEE(content))
			if got := board.Ask(fmt.Sprintf("crc32 10000000 %x", size)); !strings.Contains(got, want) {
				t.Errorf("got %q, want the sum %s", got, want)
			}
		})
	}
}

// Armbian waits as long for every RK3588 board (25 tries of 100 ms; U-Boot's own are 10).
func TestSlowDiskIsWaitedFor(t *testing.T) {
	t.Parallel()

	args := append(sd.drive(sd.written(t)), nvme.drive(nvme.blank(t))...)
	board := start(t, "", append(args, "-global", "rk3588-pcie.link-after=1800")...)
	board.Prompt()
	board.Ask("pci enum")
	board.Ask("nvme scan")

	if got := board.Ask("nvme info"); !strings.Contains(got, "Capacity: 4096.0 MB") {
		t.Errorf("got %q of a disk that needs 1.8 s, want it found", got)
	}
}

func TestUBootFindsAllMemory(t *testing.T) {
	for _, gigabytes := range []int{2, 4, 8, 16, 32} {
		t.Run(fmt.Sprint(gigabytes), func(t *testing.T) {
			t.Parallel()

			// Nothing is reserved: what the loader does not touch takes no memory here.
			backend := fmt.Sprintf("memory-backend-ram,id=memory,size=%dG,reserve=off", gigabytes)
			args := append(sd.drive(sd.written(t)), "-m", fmt.Sprintf("%dG", gigabytes), "-object", backend)
			start(t, ",memory-backend=memory", args...).Until(fmt.Sprintf("DRAM:  %d GiB", gigabytes))
		})
	}
}
