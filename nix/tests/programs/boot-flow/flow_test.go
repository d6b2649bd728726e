// SPDX-License-Identifier: MPL-2.0

//go:build qemu

// Package bootflow starts U-Boot with the board's boot flow (nix/boot/u-boot/boot-flow.config) in QEMU and holds it to
// what docs/board.md promises. The disks are small: their EFI/BOOT/BOOTAA64.EFI is U-Boot's own helloworld.efi, which says
// where it was started from and returns, so that one run shows the whole order.
//
//	FLOW_UBOOT=u-boot.bin FLOW_EFI=lib/efi_loader/helloworld.efi FLOW_DTB=rk3588s-nanopi-m6.dtb \
//	FLOW_LEDS=qemu-leds.dtbo FLOW_BOARD=qemu-board.dtbo FLOW_FACTS=dts/nanopi-m6.facts.yaml FLOW_FIT=u-boot.itb go test -tags qemu ./nix/tests/programs/boot-flow
//
// Needs qemu-system-aarch64, fdtoverlay, mkfs.vfat, mtools and sgdisk.
package bootflow_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

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

// flow is U-Boot with the board's boot flow in QEMU, and the socket of QEMU's monitor.
type flow struct {
	*machine.Machine
	monitor string
}

// start starts U-Boot. QEMU ends at a reset.
func start(t *testing.T, args ...string) *flow {
	t.Helper()

	monitor := filepath.Join(t.TempDir(), "monitor")

	return &flow{machine.Start(t, qemu.DefaultProgram, append([]string{
		"-M", "virt", "-cpu", "cortex-a57", "-m", "2G", "-nodefaults", "-display", "none", "-no-reboot",
		"-bios", machine.Input(t, "FLOW_UBOOT"), "-serial", "stdio", "-monitor", "unix:" + monitor + ",server,nowait",
	}, args...)...), monitor}
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

func TestNothingToBootEndsInAReset(t *testing.T) {
	m := start(t)

	if said := m.Rest(); !strings.Contains(said, "Nothing to boot.") || !strings.Contains(said, "resetting ...") {
		t.Errorf("U-Boot did not start over, want %q and %q", "Nothing to boot.", "resetting ...")
	}
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

// look sends what the LEDs show, each time it changes: bit 0 the SYS LED, bit 1 the USER LED. It ends with QEMU.
func (m *flow) look() <-chan string {
	shows := make(chan string, 1000)

	go func() {
		defer close(shows)

		var (
			monitor net.Conn
			err     error
		)

		for range 100 {
			if monitor, err = net.Dial("unix", m.monitor); err == nil {
				break
			}

			time.Sleep(50 * time.Millisecond)
		}

		if err != nil {
			return
		}
		defer monitor.Close() // read only

		answers := bufio.NewScanner(monitor)
		last := ""

		for {
			if _, err := io.WriteString(monitor, "xp /1wx 0x400ff000\n"); err != nil {
				return
			}

			for answers.Scan() {
				if _, value, ok := strings.Cut(answers.Text(), "400ff000: 0x"); ok {
					if value != last {
						shows <- value[len(value)-1:]
						last = value
					}

					break
				}
			}

			if answers.Err() != nil {
				return
			}

			time.Sleep(20 * time.Millisecond)
		}
	}()

	return shows
}

func TestLEDsShowSearchAndNothingFound(t *testing.T) {
	// A network on which nobody answers (UDP's discard port) keeps U-Boot looking.
	_, leds := with(t, "FLOW_LEDS")
	m := start(t, append(leds,
		"-netdev", "socket,id=n,udp=127.0.0.1:9,localaddr=127.0.0.1:0", "-device", "virtio-net-pci,netdev=n,romfile=")...)
	shows := m.look()

	var seen string
	for value := range shows {
		if seen += value; strings.Contains(seen, "3232") {
			break
		}
	}

	// Steady from the start, then blinking alone, then blinking slowly beside the USER LED.
	if !regexp.MustCompile(`^0?1(01){4,}.?0?[23]*3232$`).MatchString(seen) {
		t.Errorf("LEDs: got %s, want steady, blinking, then a heart beat", seen)
	}
}

func TestNetworkIsTriedLast(t *testing.T) {
	dir := t.TempDir()

	efi, err := os.ReadFile(machine.Input(t, "FLOW_EFI"))
	if err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(filepath.Join(dir, "node.efi"), efi, 0o600); err != nil {
		t.Fatal(err)
	}

	// U-Boot's wget gives up ("queue overrun") when the header comes in pieces: one write for all of it.
	response := filepath.Join(dir, "response")
	if err := os.WriteFile(response, slices.Concat(fmt.Appendf(nil, "HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n", len(efi)), efi), 0o600); err != nil {
		t.Fatal(err)
	}

	server := filepath.Join(dir, "server")
	script := "#!/bin/sh\nwhile read -r line && [ \"${#line}\" -gt 1 ]; do :; done\ncat " + response + "\n"

	if err := os.WriteFile(server, []byte(script), 0o700); err != nil { // a program
		t.Fatal(err)
	}

	for name, network := range map[string]string{
		"TFTP": "tftp=" + dir + ",bootfile=node.efi",
		"HTTP": "bootfile=http://10.0.2.100/node.efi,guestfwd=tcp:10.0.2.100:80-cmd:" + server,
	} {
		t.Run(name, func(t *testing.T) {
			m := start(t, "-netdev", "user,id=n,"+network, "-device", "virtio-net-pci,netdev=n,romfile=")

			if said := m.Rest(); !strings.Contains(said, "Hello, world!") || !strings.Contains(said, "node.efi") {
				t.Errorf("the program did not start, want %q and %q", "Hello, world!", "node.efi")
			}
		})
	}
}

// The code that checks a FIT in SPL is U-Boot's fit_image_verify_with_data; iminfo is the same.
func TestFITWithOneBitChangedIsRefused(t *testing.T) {
	fit, err := os.ReadFile(machine.Input(t, "FLOW_FIT"))
	if err != nil {
		t.Fatal(err)
	}

	check := func(fit []byte) string {
		file := filepath.Join(t.TempDir(), "u-boot.itb")
		if err := os.WriteFile(file, fit, 0o600); err != nil {
			t.Fatal(err)
		}

		m := start(t, "-device", "loader,addr=0x60000000,force-raw=on,file="+file)
		m.Prompt()

		return m.Ask("iminfo 0x60000000")
	}

	if said := check(fit); strings.Contains(said, "error") || strings.Count(said, "sha256+") < 4 {
		t.Errorf("the FIT as built: got\n%s\nwant it accepted, with hashes", said)
	}

	fit[len(fit)/2] ^= 1

	if said := check(fit); !strings.Contains(said, "Bad hash in FIT image!") {
		t.Errorf("a changed FIT: got\n%s\nwant a bad hash", said)
	}
}
