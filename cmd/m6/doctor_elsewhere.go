// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package main

import "talos-nanopi-m6/internal/qemu"

// builds says that images can be built on this system.
const builds = false

func (m machine) all() []ailment {
	return []ailment{
		{For: "build", Name: "Linux", Fix: "images are built on Linux only: in a virtual machine, or take a release's"},
		m.device(),
		m.program("boot", qemu.DefaultProgram, "QEMU", "install QEMU (qemu.org), and give --firmware a U-Boot for QEMU: Debian's package u-boot-qemu has it"),
		m.program("recover", "rkdeveloptool", "Rockchip's USB tool", "build github.com/rockchip-linux/rkdeveloptool, or run m6 recover on Linux"),
	}
}

// device says whether this user may write to disks.
func (machine) device() ailment {
	a := ailment{For: "flash", Name: "permission to write to disks", OK: mayWrite(), Fix: mayWriteHint}
	if a.OK {
		a.Found = "given"
	}

	return a
}
