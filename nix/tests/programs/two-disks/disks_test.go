// SPDX-License-Identifier: MPL-2.0

//go:build qemu

// Package twodisks starts the image's GRUB in QEMU from every kind of disk with every other kind attached, and holds it to
// what docs/operating.md promises of two disks. The disks have the image's partitions, but the kernel is U-Boot's helloworld.efi,
// which prints the arguments that GRUB gave it: they say from which disk they are.
//
//	DISKS_UBOOT=u-boot.bin DISKS_EFI=helloworld.efi DISKS_GRUB=BOOTAA64.EFI go test -tags qemu ./nix/tests/programs/two-disks
//
// Needs qemu-system-aarch64, qemu-img, sgdisk, mkfs.vfat, mtools and mkfs.xfs.
package twodisks_test

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"talos-nanopi-m6/internal/fixture/machine"
	"talos-nanopi-m6/internal/qemu"
)

// kinds are the ways a disk is attached, in the order in which U-Boot searches them (boot-flow.config).
var kinds = []string{"sd", "nvme", "emmc", "usb", "virtio"}

// contents of the disk that is not started from.
const (
	blank   = "blank"
	foreign = "foreign data"
	talos   = "another Talos"
)

// Sizes of the disks and places of their partitions, in MiB. A card's size is a power of two, a new XFS has 300 MiB or more.
const (
	diskSize = 512
	efiAt    = 11
	efiSize  = 8
	biosAt   = efiAt + efiSize
	bootAt   = biosAt + 1
	bootSize = 320
	metaAt   = bootAt + bootSize
)

// disk makes a disk as the imager lays it out. Its kernel gets the argument mark=MARK. Without a GRUB nothing is there to be
// started, but GRUB would find its configuration on it.
func disk(t *testing.T, dir, mark, grub string) string {
	t.Helper()

	image := filepath.Join(dir, mark+".img")
	empty(t, image)

	mib := func(at, size int) string { return fmt.Sprintf("%d:%d", at<<11, (at+size)<<11-1) }
	machine.Command(t, "sgdisk", "--set-alignment=1",
		"--new=1:"+mib(efiAt, efiSize), "--typecode=1:ef00", "--change-name=1:EFI",
		"--new=2:"+mib(biosAt, 1), "--typecode=2:ef02", "--change-name=2:BIOS",
		"--new=3:"+mib(bootAt, bootSize), "--change-name=3:BOOT",
		"--new=4:"+mib(metaAt, 1), "--change-name=4:META", image)

	efi := filepath.Join(dir, mark+".efi")
	file(t, efi, make([]byte, efiSize<<20))
	machine.Command(t, "mkfs.vfat", efi)

	if grub != "" {
		machine.Command(t, "mmd", "-i", efi, "::EFI", "::EFI/BOOT")
		machine.Command(t, "mcopy", "-i", efi, grub, "::EFI/BOOT/BOOTAA64.EFI")
	}

	config := filepath.Join(dir, mark+".cfg")
	file(t, config, fmt.Appendf(nil, "set default=0\nset timeout=0\nmenuentry A {\n  linux /A/vmlinuz mark=%s\n}\n", mark))

	tree := filepath.Join(dir, mark+".tree")
	file(t, tree, fmt.Appendf(nil, "/\n0 0\nd--755 0 0\nA d--755 0 0\nvmlinuz ---644 0 0 %s\n$\ngrub d--755 0 0\ngrub.cfg ---644 0 0 %s\n$\n$\n",
		machine.Input(t, "DISKS_EFI"), config))

	boot := filepath.Join(dir, mark+".xfs")
	file(t, boot, nil)

	if err := os.Truncate(boot, bootSize<<20); err != nil {
		t.Fatal(err)
	}

	// Without what GRUB cannot read yet. The same UUID on each, as on disks flashed from one image.
	machine.Command(t, "mkfs.xfs", "-q", "-c", "options=/usr/share/xfsprogs/mkfs/lts_5.15.conf", "-L", "BOOT", "-m", "uuid=6d366d36-0000-4000-8000-000000000003", "-p", tree, boot)

	for from, at := range map[string]int{efi: efiAt, boot: bootAt} {
		machine.Command(t, "dd", "if="+from, "of="+image, "bs=1M", fmt.Sprintf("seek=%d", at), "conv=notrunc,sparse", "status=none")
	}

	return image
}

func file(t *testing.T, name string, content []byte) {
	t.Helper()

	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func empty(t *testing.T, image string) {
	t.Helper()
	file(t, image, nil)

	if err := os.Truncate(image, diskSize<<20); err != nil {
		t.Fatal(err)
	}
}

// layer takes what is written to a disk, in a file over the disk's own. It stays as it was made as long as nothing is.
type layer struct {
	name, file string
	made       []byte
}

// layers puts one over each disk. Its name is its kind's, with its number among those.
func layers(t *testing.T, disks map[string][]string) map[string][]layer {
	t.Helper()

	dir, over := t.TempDir(), map[string][]layer{}

	for kind, images := range disks {
		for number, image := range images {
			name := fmt.Sprintf("%s%d", kind, number)
			file := filepath.Join(dir, name)
			machine.Command(t, "qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image, file)
			over[kind] = append(over[kind], layer{name, file, content(t, file)})
		}
	}

	return over
}

// written gives the names of the disks that something was written to, by a machine that has ended.
func written(t *testing.T, over map[string][]layer) []string {
	t.Helper()

	var names []string

	for _, layers := range over {
		for _, l := range layers {
			if !bytes.Equal(content(t, l.file), l.made) {
				names = append(names, l.name)
			}
		}
	}

	slices.Sort(names)

	return names
}

func content(t *testing.T, name string) []byte {
	t.Helper()

	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}

	return b
}

// attach is the disks' options for QEMU. The card's slots are there with and without one: U-Boot's mmc0 is the eMMC, mmc1 the
// card.
func attach(disks map[string][]layer) []string {
	args, drives := []string{"-device", "qemu-xhci"}, []string(nil)

	device := func(kind, name string) []string {
		switch kind {
		case "nvme":
			return []string{"-device", "nvme,serial=" + name + ",drive=" + name}
		case "usb":
			return []string{"-device", "usb-storage,drive=" + name}
		case "virtio":
			return []string{"-device", "virtio-blk-pci,romfile=,drive=" + name}
		}

		return []string{"-device", "sd-card,drive=" + name}
	}

	for _, kind := range []string{"virtio", "usb", "nvme", "emmc", "sd"} {
		if kind == "emmc" || kind == "sd" {
			args = append(args, "-device", "sdhci-pci,sd-spec-version=3")
		}

		for _, disk := range disks[kind] {
			drives = append(drives, "-drive", fmt.Sprintf("if=none,id=%s,format=qcow2,discard=unmap,file=%s", disk.name, disk.file))
			args = append(args, device(kind, disk.name)...)
		}
	}

	return append(drives, args...)
}

// start starts U-Boot beside the disks.
func start(t *testing.T, disks map[string][]layer) *machine.Machine {
	t.Helper()

	return machine.Start(t, qemu.DefaultProgram, append([]string{
		"-M", "virt", "-cpu", "cortex-a57", "-m", "1G", "-nodefaults", "-display", "none", "-no-reboot",
		"-bios", machine.Input(t, "DISKS_UBOOT"), "-serial", "stdio", "-monitor", "none",
	}, attach(disks)...)...)
}

// signs are what a boot ends with: the kernel's arguments, or that it did not get there.
const signs = `mark=(\S+)[ \n]|grub>|grub rescue>|Nothing to boot|error: `

// boot gives the mark of the disk whose kernel is started, or what the boot ended with. It writes to no disk.
func boot(t *testing.T, disks map[string][]string) string {
	t.Helper()

	over := layers(t, disks)
	m := start(t, over)
	_, sign := m.Find(signs)
	m.Stop()

	if names := written(t, over); len(names) > 0 {
		t.Errorf("got something written to %v, want nothing written to any disk", names)
	}

	return cmp.Or(sign[1], sign[0])
}

// pair is two disks by their kinds. Of two of one kind the other is the first.
func pair(own, other, ownImage, otherImage string) map[string][]string {
	if own == other {
		return map[string][]string{own: {otherImage, ownImage}}
	}

	return map[string][]string{own: {ownImage}, other: {otherImage}}
}

// together says whether disks of two kinds can be attached: there is one slot for a card and one for an eMMC.
func together(kind, other string) bool {
	return kind != other || kind != "sd" && kind != "emmc"
}

// matrix calls f for every two kinds that can be attached together.
func matrix(f func(own, other string)) {
	for _, own := range kinds {
		for _, other := range kinds {
			if together(own, other) {
				f(own, other)
			}
		}
	}
}

func TestANodeStartsFromItsOwnDiskWhateverElseIsAttached(t *testing.T) {
	dir := t.TempDir()
	own := disk(t, dir, "own", machine.Input(t, "DISKS_GRUB"))
	others := map[string]string{blank: filepath.Join(dir, "blank.img"), foreign: disk(t, dir, "foreign", "")}
	empty(t, others[blank])

	for _, content := range []string{blank, foreign} {
		matrix(func(kind, other string) {
			t.Run(fmt.Sprintf("%s beside %s with %s", kind, other, content), func(t *testing.T) {
				t.Parallel()

				if got := boot(t, pair(kind, other, own, others[content])); got != "own" {
					t.Errorf("got %s, want own", got)
				}
			})
		})
	}
}

func TestOfTwoDisksWithTalosTheFirstInTheBoardsOrderIsStarted(t *testing.T) {
	dir := t.TempDir()
	first, second := disk(t, dir, "first", machine.Input(t, "DISKS_GRUB")), disk(t, dir, "second", machine.Input(t, "DISKS_GRUB"))

	for n, kind := range kinds {
		// Of one kind, the first by its number.
		for _, later := range kinds[n:] {
			if !together(kind, later) {
				continue
			}

			t.Run(fmt.Sprintf("%s before %s with %s", kind, later, talos), func(t *testing.T) {
				t.Parallel()

				if got := boot(t, pair(later, kind, second, first)); got != "first" {
					t.Errorf("got %s, want first", got)
				}
			})
		}
	}
}

// What the tests above would not notice otherwise: that something is written.
func TestAWriteToAnyDiskIsSeen(t *testing.T) {
	disks := map[string][]string{}

	for _, kind := range kinds {
		disks[kind] = []string{filepath.Join(t.TempDir(), "blank.img")}
		empty(t, disks[kind][0])
	}

	over := layers(t, disks)
	m := start(t, over)
	m.Prompt()
	m.Ask("setenv boot_targets mmc1 mmc0; bootflow scan") // the slots are not looked at before

	// A block from memory, as zero as what is there.
	for _, command := range []string{"mmc dev 1; mmc", "nvme scan; nvme device 0; nvme", "mmc dev 0; mmc", "usb start; usb device 0; usb", "virtio scan; virtio device 0; virtio"} {
		m.Ask(command + " write 48000000 100 1")
	}

	m.Stop()

	if got, want := written(t, over), []string{"emmc0", "nvme0", "sd0", "usb0", "virtio0"}; !slices.Equal(got, want) {
		t.Errorf("got something written to %v, want to %v", got, want)
	}
}

// What the tests above would not notice otherwise: that a GRUB that numbers disks is led astray.
func TestAGRUBThatNumbersItsDiskIsLedAstray(t *testing.T) {
	dir := t.TempDir()

	program, err := os.ReadFile(machine.Input(t, "DISKS_GRUB"))
	if err != nil {
		t.Fatal(err)
	}

	numbered := bytes.Replace(program, []byte("(,gpt3)/grub\x00\x00\x00"), []byte("(hd0,gpt3)/grub"), 1)
	if bytes.Equal(numbered, program) {
		t.Fatal("got a GRUB without the prefix (,gpt3)/grub, want one")
	}

	file(t, filepath.Join(dir, "numbered"), numbered)

	own := disk(t, dir, "own", filepath.Join(dir, "numbered"))
	other := disk(t, dir, "foreign", "")

	var astray int

	for _, kinds := range [][2]string{{"virtio", "nvme"}, {"nvme", "virtio"}} {
		if got := boot(t, pair(kinds[0], kinds[1], own, other)); got != "own" {
			astray++
		}
	}

	if astray == 0 {
		t.Error("got the own disk both times, want the other one at least once")
	}
}
