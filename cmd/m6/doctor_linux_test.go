// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDoctorNamesWhatIsMissingAndTheCommandThatBringsIt(t *testing.T) {
	dir := t.TempDir()
	none := machine{root: dir, look: func(string) (string, error) { return "", os.ErrNotExist }}

	for _, a := range none.examine([]string{"boot", "flash", "recover"}) {
		if a.Name == "the board on USB" {
			continue
		}

		if a.OK || a.Fix == "" {
			t.Errorf("got %+v, want a fault with its fix", a)
		}
	}

	write := func(p, content string) {
		p = filepath.Join(dir, p)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	write("usr/lib/u-boot/qemu_arm64/u-boot.bin", "")
	write("etc/udev/rules.d/60-nanopi-m6.rules", udevRule)
	write("sys/bus/usb/devices/1-1/idVendor", "2207\n")
	write("sys/bus/usb/devices/1-1/idProduct", "350b\n")
	write("sys/block/sda/size", "1")
	write("dev/sda", "")

	all := machine{root: dir, look: func(s string) (string, error) { return "/usr/bin/" + s, nil }}

	for _, a := range all.examine([]string{"boot", "flash", "recover"}) {
		if !a.OK {
			t.Errorf("got %+v, want it OK", a)
		}

		if a.Name == "the board on USB" && !strings.Contains(a.Found, "connected, in MaskROM") {
			t.Errorf("got %+v, want it connected, in MaskROM", a)
		}
	}

	write("proc/sys/user/max_user_namespaces", "0\n")

	for _, a := range all.examine([]string{"build"}) {
		if a.Name == "user namespaces" && (a.OK || !strings.Contains(a.Fix, "sysctl user.max_user_namespaces=")) {
			t.Errorf("got %+v, want a fault whose fix is sysctl", a)
		}
	}
}
