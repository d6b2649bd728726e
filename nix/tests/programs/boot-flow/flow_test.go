// SPDX-License-Identifier: MPL-2.0

//go:build qemu

// Package bootflow starts U-Boot with the board's boot flow (nix/boot/u-boot/boot-flow.config) in QEMU and holds it to
// what docs/board.md promises, as far as the board's model (nix/tests/programs/board) cannot: it has no second disk of each kind, and
// a board id of two boards alone. The disks are small: their EFI/BOOT/BOOTAA64.EFI is U-Boot's own helloworld.efi, which says
// where it was started from and returns, so that one run shows the whole order.
//
//	FLOW_UBOOT=u-boot.bin FLOW_EFI=lib/efi_loader/helloworld.efi FLOW_DTB=rk3588s-nanopi-m6.dtb \
//	FLOW_BOARD=qemu-board.dtbo FLOW_FACTS=dts/nanopi-m6.facts.yaml go test -tags qemu ./nix/tests/programs/boot-flow
//
// Needs qemu-system-aarch64, fdtoverlay, mkfs.vfat, mtools and sgdisk.
package bootflow_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/fixture/machine"
	"talos-nanopi-m6/internal/qemu"
)

// disk makes a disk with one EFI partition whose GUID ends in number, and the QEMU option that opens it as name.
func disk(t *testing.T, name string, number int) []string {
	t.Helper()

	const (
		size  = 64 << 20
		start = 2048 // sectors
	)

	image := filepath.Join(t.TempDir(), name+".img")
	partition := fmt.Sprintf("%s@@%d", image, start*512)

	if err := os.WriteFile(image, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}

	machine.Command(t, "sgdisk", "-n", fmt.Sprintf("1:%d:0", start), "-t", "1:ef00", "-u", "1:"+guid(number), image)
	machine.Command(t, "mkfs.vfat", "--offset", fmt.Sprint(start), image, fmt.Sprint((size>>10)-start/2-1024))
	machine.Command(t, "mmd", "-i", partition, "::EFI", "::EFI/BOOT", "::dtb", "::dtb/rockchip")
	machine.Command(t, "mcopy", "-i", partition, machine.Input(t, "FLOW_EFI"), "::EFI/BOOT/BOOTAA64.EFI")
	machine.Command(t, "mcopy", "-i", partition, machine.Input(t, "FLOW_DTB"), "::"+board.DeviceTree)

	return []string{"-drive", fmt.Sprintf("if=none,id=%s,format=raw,file=%s", name, image)}
}

func guid(number int) string { return fmt.Sprintf("6d366d36-0000-4000-8000-%012d", number) }

// flow is U-Boot with the board's boot flow in QEMU.
type flow struct{ *machine.Machine }

// start starts U-Boot. QEMU ends at a reset.
func start(t *testing.T, args ...string) *flow {
	t.Helper()

	return &flow{machine.Start(t, qemu.DefaultProgram, append([]string{
		"-M", "virt", "-cpu", "cortex-a57", "-m", "2G", "-nodefaults", "-display", "none", "-no-reboot",
		"-bios", machine.Input(t, "FLOW_UBOOT"), "-serial", "stdio", "-monitor", "none",
	}, args...)...)}
}

// started matches helloworld.efi's word on the partition it was started from.
var started = regexp.MustCompile(`Boot device: .*HD\(1,GPT,([0-9a-f-]+)`)

func TestMediaAreSearchedInTheBoardsOrder(t *testing.T) {
	// Not in the order they are searched. mmc0 and mmc1 are numbered in the order of their slots.
	names := []string{"virtio", "usb", "emmc", "sd", "nvme"}

	var args []string
	for i, name := range names {
		args = append(args, disk(t, name, i)...)
	}

	m := start(t, append(args,
		"-device", "virtio-blk-pci,drive=virtio",
		"-device", "qemu-xhci", "-device", "usb-storage,drive=usb",
		"-device", "sdhci-pci", "-device", "sd-card,drive=emmc",
		"-device", "sdhci-pci", "-device", "sd-card,drive=sd",
		"-device", "nvme,drive=nvme,serial=1",
	)...)

	var got []string

	for _, match := range started.FindAllStringSubmatch(m.Rest(), -1) {
		for i, name := range names {
			if match[1] == guid(i) {
				got = append(got, name)
			}
		}
	}

	if want := []string{"sd", "nvme", "emmc", "usb", "virtio"}; !slices.Equal(got, want) {
		t.Errorf("started %v, want %v", got, want)
	}
}

func TestDeviceTreeComesFromTheDiskThatIsBooted(t *testing.T) {
	m := start(t, append(disk(t, "sd", 1),
		"-device", "sdhci-pci", "-device", "sdhci-pci", "-device", "sd-card,drive=sd")...)
	m.Prompt()
	m.Ask("setenv fdtfile rockchip/" + board.DeviceTrees[0] + "; setenv boot_targets mmc1; bootflow scan; bootflow select 0")

	if said := m.Ask("bootflow info"); !regexp.MustCompile(`FDT: +/` + regexp.QuoteMeta(board.DeviceTree)).MatchString(said) {
		t.Errorf("got\n%s\nwant the device tree %s", said, board.DeviceTree)
	}

	m.Ask("fdt addr ${fdt_addr_r}")

	if said := m.Ask("fdt print / model"); !strings.Contains(said, board.Title) {
		t.Errorf("got\n%s\nwant the device tree of the %s", said, board.Title)
	}
}

func TestNoiseOnTheConsoleDoesNotStopTheBoot(t *testing.T) {
	m := start(t)
	m.Until(`type stop for a prompt\.`)
	m.Type("\x00\xffs\rto p \x1b")
	m.Until(`Nothing to boot\.`)
}

func TestNothingIsWrittenToTheMedium(t *testing.T) {
	option := disk(t, "nvme", 1)
	_, image, _ := strings.Cut(option[1], "file=")

	before, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}

	m := start(t, append(option, "-device", "nvme,drive=nvme,serial=1")...)

	if said := m.Rest(); !strings.Contains(said, "Loading Environment from nowhere") || !started.MatchString(said) {
		t.Error("got an environment read, or no disk started; want none read, and the disk")
	}

	after, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}

	if !bytes.Equal(before, after) {
		t.Error("got a disk that changed, want it as it was")
	}
}

// with gives the machine what an overlay describes, and the file that QEMU reads it from.
func with(t *testing.T, overlay string) (string, []string) {
	t.Helper()

	dir := t.TempDir()
	virt, tree := filepath.Join(dir, "virt.dtb"), filepath.Join(dir, "with.dtb")

	machine.Command(t, qemu.DefaultProgram, "-M", "virt,dumpdtb="+virt, "-cpu", "cortex-a57", "-m", "2G", "-nodefaults", "-display", "none")
	machine.Command(t, "fdtoverlay", "-i", virt, "-o", tree, machine.Input(t, overlay))

	return tree, []string{"-dtb", tree}
}
