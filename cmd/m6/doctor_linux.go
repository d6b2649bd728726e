// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"talos-nanopi-m6/internal/flash/maskrom"
	"talos-nanopi-m6/internal/inspect/render"
	"talos-nanopi-m6/internal/qemu"
)

// builds says that images can be built on this system.
const builds = true

func (m machine) all() []ailment {
	return []ailment{
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
