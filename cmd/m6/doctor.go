// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"talos-nanopi-m6/internal/flash/maskrom"
	"talos-nanopi-m6/internal/inspect/render"
	"talos-nanopi-m6/internal/qemu"
)

// ailment is something this machine was asked for.
type ailment struct {
	// For is what it is needed for: boot, recover, flash, build.
	For  string `json:"for"`
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Found says what is there, Fix the command that brings it.
	Found string `json:"found,omitempty"`
	Fix   string `json:"fix,omitempty"`
}

// machine is what doctor looks at; a test has its own.
type machine struct {
	root string // before every path
	look func(string) (string, error)
}

func doctorCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor [build|flash|boot|recover]...",
		Short: "Say what is missing on this machine, and how to get it",
		Long: "Looks for what building, flashing, booting in QEMU and recovering over USB need on this machine, and gives the command that\n" +
			"brings what is missing. The exit code is 1 if something is.",
		ValidArgs: purposes,
		Args:      cobra.OnlyValidArgs,
	}

	format := outputFlag(c)

	c.RunE = func(c *cobra.Command, args []string) error {
		list := (machine{look: exec.LookPath}).examine(args)

		if *format == outputJSON {
			if err := writeJSON(c.OutOrStdout(), list); err != nil {
				return withCode(exitFailed, err)
			}
		} else {
			for _, a := range list {
				fmt.Fprintln(c.OutOrStdout(), a)
			}
		}

		if slices.ContainsFunc(list, func(a ailment) bool { return !a.OK }) {
			return withCode(exitFailed, errSaid)
		}

		return nil
	}

	return c
}

var purposes = []string{"build", "flash", "boot", "recover"}

func (a ailment) String() string {
	if a.OK {
		return fmt.Sprintf("ok       %-8s %s: %s", a.For, a.Name, a.Found)
	}

	return fmt.Sprintf("missing  %-8s %s\n                  %s", a.For, a.Name, a.Fix)
}

// examine looks at everything, or at what some purposes need.
func (m machine) examine(wanted []string) []ailment {
	all := []ailment{
		m.program("build", "nix-build", "Nix", "sudo apt-get install nix-bin"),
		m.program("build", "make", "make", "sudo apt-get install make"),
		m.namespaces(),
		m.space(),
		m.device(),
		m.program("boot", qemu.DefaultProgram, "QEMU", "sudo apt-get install qemu-system-arm"),
		m.file("boot", qemu.DefaultFirmware, "U-Boot for QEMU", "sudo apt-get install u-boot-qemu"),
		m.program("recover", "rkdeveloptool", "Rockchip's USB tool", "sudo apt-get install rkdeveloptool"),
		m.rule(),
		m.board(),
	}

	if len(wanted) == 0 {
		return all
	}

	return slices.DeleteFunc(all, func(a ailment) bool { return !slices.Contains(wanted, a.For) })
}

func (m machine) program(purpose, name, what, fix string) ailment {
	p, err := m.look(name)

	return ailment{For: purpose, Name: what, OK: err == nil, Found: p, Fix: fix}
}

func (m machine) file(purpose, p, what, fix string) ailment {
	_, err := os.Stat(m.root + p)

	return ailment{For: purpose, Name: what, OK: err == nil, Found: p, Fix: fix}
}

func (m machine) read(p string) string {
	b, err := os.ReadFile(m.root + p)
	if err != nil {
		return ""
	}

	return strings.TrimSpace(string(b))
}

// namespaces are what the build's bubblewrap needs of the kernel.
func (m machine) namespaces() ailment {
	a := ailment{For: "build", Name: "user namespaces", OK: true, Found: "allowed"}

	for p, bad := range map[string]string{
		"/proc/sys/user/max_user_namespaces":                     "0",
		"/proc/sys/kernel/unprivileged_userns_clone":             "0",
		"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1",
	} {
		if m.read(p) == bad {
			good := map[string]string{"0": "1", "1": "0"}[bad]
			if strings.HasSuffix(p, "max_user_namespaces") {
				good = "10000"
			}

			name := strings.ReplaceAll(strings.TrimPrefix(p, "/proc/sys/"), "/", ".")
			a.OK, a.Fix = false, "sudo sysctl "+name+"="+good
		}
	}

	return a
}

// buildSpace is what nix/debian/build asks for, 15 GB, in bytes.
const buildSpace = 14 << 30

func (m machine) space() ailment {
	a := ailment{For: "build", Name: "disk space", Fix: fmt.Sprintf("make room: a build takes %s where /nix is", render.Bytes(buildSpace))}

	dir := m.root + "/nix"
	if _, err := os.Stat(dir); err != nil {
		dir = m.root + "/"
	}

	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return a
	}

	free := int64(st.Bavail) * st.Bsize
	a.OK, a.Found = free >= buildSpace, render.Bytes(free)+" free"

	return a
}

// device says whether this user may write to disks.
func (m machine) device() ailment {
	a := ailment{For: "flash", Name: "permission to write to disks", Fix: "run m6 flash with sudo, or as a member of the group disk: sudo adduser $USER disk"}

	disks, err := filepath.Glob(m.root + "/sys/block/*")
	if err != nil {
		return a
	}

	for _, d := range disks {
		name := filepath.Base(d)
		if strings.HasPrefix(name, "loop") || strings.HasPrefix(name, "ram") {
			continue
		}

		if unix.Access(m.root+"/dev/"+name, unix.W_OK) == nil {
			a.OK, a.Found = true, "/dev/"+name

			return a
		}
	}

	return a
}

// udevRule lets users at the machine reach the board; Debian's rkdeveloptool has rules for older chips only.
const udevRule = `SUBSYSTEM=="usb", ATTRS{idVendor}=="` + maskrom.Vendor + `", ATTRS{idProduct}=="` + maskrom.Product + `", TAG+="uaccess"`

func (m machine) rule() ailment {
	a := ailment{
		For: "recover", Name: "udev rule for the board on USB (without it: sudo)",
		Fix: "echo '" + udevRule + "' | sudo tee /etc/udev/rules.d/60-nanopi-m6.rules && sudo udevadm control --reload",
	}

	for _, dir := range []string{"/etc/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d"} {
		files, err := filepath.Glob(m.root + dir + "/*.rules")
		if err != nil {
			continue
		}

		for _, f := range files {
			if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), maskrom.Vendor) && strings.Contains(string(b), maskrom.Product) {
				a.OK, a.Found = true, strings.TrimPrefix(f, m.root)
			}
		}
	}

	return a
}

// board looks for the board on USB. Its absence is not a fault.
func (m machine) board() ailment {
	a := ailment{For: "recover", Name: "the board on USB", OK: true, Found: "not connected, or not in MaskROM"}

	list, err := filepath.Glob(m.root + "/sys/bus/usb/devices/*/idVendor")
	if err != nil {
		return a
	}

	for _, f := range list {
		dir := strings.TrimPrefix(filepath.Dir(f), m.root)
		if m.read(dir+"/idVendor") == maskrom.Vendor && m.read(dir+"/idProduct") == maskrom.Product {
			a.Found = "connected, in MaskROM or with a loader"
		}
	}

	return a
}
