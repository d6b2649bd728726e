// SPDX-License-Identifier: MPL-2.0

// Package qemu starts a disk image, unchanged, on QEMU's arm64 virt machine. QEMU has no RK3588: U-Boot for QEMU stands
// in for the board's own, and everything from the EFI partition on is the image's.
package qemu

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// What Debian's packages qemu-system-arm and u-boot-qemu install.
const (
	DefaultProgram  = "qemu-system-aarch64"
	DefaultFirmware = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"
)

// Disk is the way the image is attached.
type Disk string

// The media a NanoPi M6 can start Talos from, and virtio, which is the fastest in QEMU. SD stands for eMMC as well: both
// are MMC block devices. U-Boot's qemu_arm64_defconfig has no MMC; starting from SD needs one built with
// CONFIG_MMC_PCI. EMMC is the board's module, on its model only.
const (
	Virtio Disk = "virtio"
	NVMe   Disk = "nvme"
	SD     Disk = "sd"
	EMMC   Disk = "emmc"
	USB    Disk = "usb"
)

// Disks are the ways of the virt machine, in the order they are offered.
var Disks = []Disk{Virtio, NVMe, SD, USB}

// APIPort is the guest's port of Talos' API.
const APIPort = 50000

// Options say what to start. The zero value of a field is its default.
type Options struct {
	// Program is QEMU's path, Firmware U-Boot's.
	Program, Firmware string
	// Image is a raw disk image. It is never written to.
	Image string
	// Disk is how the image is attached: virtio, on the board sd.
	Disk Disk
	// CPUs is the number of cores: 2; the board has 8.
	CPUs int
	// MemoryMiB is the size of the RAM: 2048, on the board 4096.
	MemoryMiB int
	// APIPort is the port on 127.0.0.1 that leads to the guest's API; with 0 none does.
	APIPort int
	// Interactive joins QEMU's console to the terminal, firmware and kernel in one, with Ctrl-A X to leave.
	Interactive bool
	// KVM runs the guest on the host's own cores, which takes an arm64 host with /dev/kvm. Without it QEMU translates.
	KVM bool

	// Board starts the image on the model of the NanoPi M6, from the mask ROM on, with the loader that is on the image;
	// Program is BoardProgram then, and no Firmware is used.
	Board bool
	// Card is a raw file with a loader that is in the board's card slot, for a Disk that NeedsCard. It is never written to.
	Card string
	// Flash is a raw file that is the board's SPI flash, of 16 MiB, with a loader for a Disk that NeedsCard. It is
	// never written to.
	Flash string
	// CountInstructions has the board's time pass with its instructions: one core of the host does the work, and no
	// clock in the guest depends on how busy the host is.
	CountInstructions bool
	// LEDs is called with each change of the board's LEDs.
	LEDs func(LED)
}

// WithDefaults has its default in each field that has none.
func (o Options) WithDefaults() Options {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}

	program, disk, cores, memory := DefaultProgram, Virtio, 2, 2048
	if o.Board {
		program, disk, cores, memory = BoardProgram, SD, boardCores, boardMemoryDefault
	}

	def(&o.Program, program)
	def(&o.Firmware, DefaultFirmware)
	def((*string)(&o.Disk), string(disk))

	if o.CPUs == 0 {
		o.CPUs = cores
	}

	if o.MemoryMiB == 0 {
		o.MemoryMiB = memory
	}

	return o
}

// boardFD is the file descriptor, in QEMU, of the pipe that carries the board's console (ttyS2) when it is captured:
// the first one after standard input, output and error.
const boardFD = 3

// Args is QEMU's command line without the program. It fails on values QEMU would misread.
func (o Options) Args() ([]string, error) {
	o = o.WithDefaults()

	switch {
	case o.Image == "":
		return nil, errors.New("no image given")
	case o.APIPort < 0 || o.APIPort > 65535:
		return nil, fmt.Errorf("API port %d: want 1 to 65535, or 0 for none", o.APIPort)
	}

	// An absolute path cannot be taken for a protocol ("nbd:…").
	image, err := filepath.Abs(o.Image)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Image, err)
	}

	if o.Board {
		return o.boardArgs(image)
	}

	return o.virtArgs(image)
}

// virtArgs is QEMU's command line for the virt machine. image is an absolute path.
func (o Options) virtArgs(image string) ([]string, error) {
	switch {
	case !slices.Contains(Disks, o.Disk):
		return nil, fmt.Errorf("disk %q: want one of %v", o.Disk, Disks)
	case o.CPUs < 1 || o.CPUs > 8:
		return nil, fmt.Errorf("%d CPUs: the virt machine has 1 to 8 (GICv2)", o.CPUs)
	case o.MemoryMiB < 1024:
		return nil, fmt.Errorf("%d MiB of memory: Talos needs 1024 or more", o.MemoryMiB)
	case o.Card != "" || o.Flash != "" || o.CountInstructions || o.LEDs != nil:
		return nil, errors.New("a card beside the disk, SPI flash, time by instructions and LEDs are the board's model's")
	}

	machine, cpu := "virt", "cortex-a76" // RK3588's big cores
	if o.KVM {
		machine, cpu = "virt,accel=kvm,gic-version=host", "host"
	}

	args := []string{
		"-nodefaults", "-no-user-config",
		"-display", "none",
		"-machine", machine,
		"-cpu", cpu,
		"-smp", strconv.Itoa(o.CPUs),
		"-m", strconv.Itoa(o.MemoryMiB),
		"-bios", o.Firmware,
		// The image's changes go to an unlinked file in TMPDIR.
		"-drive", "if=none,id=disk,format=raw,snapshot=on,file=" + escape(image),
		"-device", "virtio-rng-pci",
	}

	args = append(args, o.diskArgs()...)
	args = append(args, o.netArgs()...)
	args = append(args, o.consoleArgs()...)

	return args, nil
}

func (o Options) diskArgs() []string {
	switch o.Disk {
	case NVMe:
		return []string{"-device", "nvme,drive=disk,serial=nanopi-m6"}
	case SD:
		return []string{"-device", "sdhci-pci,sd-spec-version=3", "-device", "sd-card,drive=disk"}
	case USB:
		return []string{"-device", "qemu-xhci", "-device", "usb-storage,drive=disk,serial=nanopi-m6"}
	default:
		return []string{"-device", "virtio-blk-pci,drive=disk,serial=nanopi-m6"}
	}
}

func (o Options) netArgs() []string {
	// Debian keeps the option ROMs in a package of their own; no one boots from the network here.
	return []string{"-netdev", "user,id=net" + o.forward(), "-device", "virtio-net-pci,netdev=net,romfile="}
}

// forward leads APIPort of 127.0.0.1 to the guest's, as a part of QEMU's option for its user network.
func (o Options) forward() string {
	if o.APIPort == 0 {
		return ""
	}

	return fmt.Sprintf(",hostfwd=tcp:127.0.0.1:%d-:%d", o.APIPort, APIPort)
}

// consoleArgs give the guest the virt machine's PL011, which U-Boot and GRUB use, and four PCI UARTs, ttyS0 to ttyS3,
// the third of which is what the board's console=ttyS2 names.
func (o Options) consoleArgs() []string {
	if o.Interactive {
		return []string{
			"-chardev", "stdio,id=console,mux=on,signal=off",
			"-serial", "chardev:console",
			"-mon", "chardev=console",
			"-chardev", "null,id=none0", "-chardev", "null,id=none1", "-chardev", "null,id=none3",
			"-device", "pci-serial-4x,chardev1=none0,chardev2=none1,chardev3=console,chardev4=none3",
		}
	}

	return []string{
		"-chardev", "stdio,id=firmware,signal=off",
		"-serial", "chardev:firmware",
		"-add-fd", fmt.Sprintf("fd=%d,set=1", boardFD),
		// Without append QEMU truncates what it opens, which a pipe refuses.
		"-chardev", "file,id=board,path=/dev/fdset/1,append=on",
		"-chardev", "null,id=none0", "-chardev", "null,id=none1", "-chardev", "null,id=none3",
		"-device", "pci-serial-4x,chardev1=none0,chardev2=none1,chardev3=board,chardev4=none3",
		"-monitor", "none",
	}
}

// escape doubles commas, which separate the parts of a QEMU option.
func escape(s string) string {
	return strings.ReplaceAll(s, ",", ",,")
}
