// SPDX-License-Identifier: MPL-2.0

//go:build qemu

// The kernel starts in QEMU and uses every workload of nix/tests/workloads/init once, from a root of Debian's programs:
//
//	WORKLOADS_KERNEL=Image WORKLOADS_INITRD=initrd WORKLOADS_DISK=disk go test -tags qemu ./nix/tests/programs/workloads
//
// Needs qemu-system-aarch64.
package main_test

import (
	"testing"

	"talos-nanopi-m6/internal/fixture/machine"
)

func TestTheKernelDoesEveryWorkload(t *testing.T) {
	m := machine.Start(t, "qemu-system-aarch64",
		// The processor has the virtualisation extension, and the kernel starts where it can use it (EL2).
		"-M", "virt,virtualization=on,gic-version=3", "-cpu", "cortex-a76", "-smp", "2", "-m", "3072", "-accel", "tcg,thread=multi",
		"-nic", "none", "-display", "none", "-no-reboot", "-monitor", "none", "-serial", "stdio",
		"-kernel", machine.Input(t, "WORKLOADS_KERNEL"), "-initrd", machine.Input(t, "WORKLOADS_INITRD"),
		"-drive", "file="+machine.Input(t, "WORKLOADS_DISK")+",format=raw,if=virtio,readonly=on",
		"-append", "console=ttyAMA0 quiet panic=-1 module.sig_enforce=1 rdinit=/init",
		"-device", "qemu-xhci", "-chardev", "null,id=line", "-device", "usb-serial,chardev=line,always-plugged=on",
		"-netdev", "user,id=network", "-device", "usb-net,netdev=network",
		"-audiodev", "none,id=sound", "-device", "usb-audio,audiodev=sound")

	if _, match := m.Find(`workloads: (\d+) passed, (\d+) failed`); match[1] == "0" || match[2] != "0" {
		t.Errorf("got %s passed and %s failed, want none failed", match[1], match[2])
	}

	t.Logf("console:\n%s", m.Said())
}
