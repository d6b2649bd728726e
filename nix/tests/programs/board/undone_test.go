// SPDX-License-Identifier: MPL-2.0

//go:build qemu

package board_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/u-root/u-root/pkg/dt"

	"talos-nanopi-m6/internal/fdt"
	"talos-nanopi-m6/internal/rockchip"
)

// Facts of the board that its trees once had wrong, or that other trees have wrong (dts/corrections.yaml), are undone one at a
// time: the model, or a check of this program, has to notice each. Here in U-Boot's own tree; linux_undone_test.go has the
// kernel's.
func TestWhatIsUndoneInUBootsTreeIsNoticed(t *testing.T) {
	t.Run("M-key's PERST# at the card's presence", func(t *testing.T) {
		t.Parallel()

		drives := sd.drive(sd.with(t, withTree(t, loader(t, rockchip.MMC), perstAtPresence)))
		board := start(t, "", append(drives, nvme.drive(nvme.blank(t))...)...)
		board.Prompt()
		board.Type("pci enum\n")
		board.fault("PCIe m2m: link asked for with PERST# low")
	})
	t.Run("no EEPROM", func(t *testing.T) {
		t.Parallel()

		wire := capture(t)
		drives := sd.drive(sd.with(t, withTree(t, loader(t, rockchip.MMC), noEEPROM)))
		board := start(t, "", append(drives, wire.options()...)...)
		board.Prompt()
		board.Type("dhcp\n")
		board.Until("DHCP client bound to address 10.0.2.15")

		// TestMACAddressOnTheWire wants the EEPROM's.
		if got := wire.sources(); len(got) != 1 || got[0] != otpMAC {
			t.Errorf("got packets from %v, want them from %s alone", got, otpMAC)
		}
	})
}

func perstAtPresence(t *testing.T, root *dt.Node) {
	t.Helper()

	const presence = 5 // PA5

	gpio4, ok := fdt.Uint32(node(t, root, "/pinctrl/gpio@fec50000"), "phandle")
	if !ok || !node(t, root, "/pcie@fe190000").UpdateProperty("reset-gpios", cells(gpio4, presence, 0)) {
		t.Fatal("got no phandle of gpio4, or no reset-gpios of the M-key, want both")
	}
}

func noEEPROM(t *testing.T, root *dt.Node) {
	t.Helper()

	bus, eeprom := node(t, root, "/i2c@fec80000"), node(t, root, "/i2c@fec80000/eeprom@53")
	bus.Children = slices.DeleteFunc(bus.Children, func(child *dt.Node) bool { return child == eeprom })
}

func node(t *testing.T, root *dt.Node, path string) *dt.Node {
	t.Helper()

	n := fdt.Lookup(root, path)
	if n == nil {
		t.Fatalf("got no %s in the tree, want one", path)
	}

	return n
}

func cells(values ...uint32) (b []byte) {
	for _, value := range values {
		b = binary.BigEndian.AppendUint32(b, value)
	}

	return b
}

// withTree is the loader with its U-Boot's tree changed, and the sum that SPL compares.
func withTree(t *testing.T, l *rockchip.Loader, change func(*testing.T, *dt.Node)) *rockchip.Loader {
	t.Helper()

	fit, err := rockchip.ReadFIT(bytes.NewReader(l.FIT), 0)
	if err != nil {
		t.Fatal(err)
	}

	at := slices.IndexFunc(fit.Images, func(image rockchip.FITImage) bool { return image.Name == "fdt-1" })
	if at < 0 {
		t.Fatalf("got the images %+v, want fdt-1 among them", fit.Images)
	}

	offset, size := fit.Images[at].Offset, fit.Images[at].Size
	if offset+size != int64(len(l.FIT)) {
		t.Fatalf("got the tree at %d to %d of the FIT's %d bytes, want it at the end", offset, offset+size, len(l.FIT))
	}

	before := l.FIT[offset:]

	tree, err := fdt.Read(before)
	if err != nil {
		t.Fatal(err)
	}

	change(t, tree.RootNode)

	after, err := fdt.Write(tree)
	if err != nil {
		t.Fatal(err)
	}

	head, err := fdt.TotalSize(l.FIT)
	if err != nil {
		t.Fatal(err)
	}

	header := slices.Clone(l.FIT[:head])
	sumBefore, sumAfter := sha256.Sum256(before), sha256.Sum256(after)

	for _, field := range []struct{ before, after []byte }{
		{sumBefore[:], sumAfter[:]},
		{cells(uint32(size)), cells(uint32(len(after)))},
	} {
		if count := bytes.Count(header, field.before); count != 1 {
			t.Fatalf("got %x %d times in the FIT's header, want it once", field.before, count)
		}

		header = bytes.Replace(header, field.before, field.after, 1)
	}

	l.FIT = slices.Concat(header, l.FIT[head:offset], after)

	if _, err := rockchip.ReadFIT(bytes.NewReader(l.FIT), 0); err != nil {
		t.Fatal(err)
	}

	return l
}
