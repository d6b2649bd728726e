// SPDX-License-Identifier: MPL-2.0

package devicetree_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/u-root/u-root/pkg/dt"

	"talos-nanopi-m6/internal/fdt"
	devicetree "talos-nanopi-m6/nix/tests/programs/device-tree"
)

// small is a board with one GPIO bank, one LED on it and one regulator.
func small(change func(root *dt.Node)) *dt.Node {
	root := dt.NewNode("", dt.WithChildren(
		dt.NewNode("aliases", dt.WithProperty(dt.PropertyString("gpio1", "/gpio@1"))),
		dt.NewNode("gpio@1", dt.WithProperty(
			dt.PropertyU32("phandle", 1),
			dt.PropertyU32("#gpio-cells", 2),
		)),
		dt.NewNode("led", dt.WithProperty(
			dt.PropertyU32Array("gpios", []uint32{1, 12, 0}),
			dt.PropertyU32Array("pinctrl-0", []uint32{2}),
		)),
		dt.NewNode("pin", dt.WithProperty(
			dt.PropertyU32("phandle", 2),
			dt.PropertyU32Array("rockchip,pins", []uint32{1, 12, 0, 9}),
		)),
		dt.NewNode("regulator", dt.WithProperty(
			dt.PropertyU32("phandle", 3),
			dt.PropertyString("compatible", "rockchip,rk8602"),
			dt.PropertyString("regulator-name", "vdd"),
			dt.PropertyU32("regulator-min-microvolt", 550_000),
			dt.PropertyU32("regulator-max-microvolt", 950_000),
		)),
	))

	if change != nil {
		change(root)
	}

	return root
}

func set(node string, property dt.Property) func(*dt.Node) {
	return func(root *dt.Node) {
		fdt.Child(root, node).Update(property)
	}
}

func TestReferenceToAPinNamesIt(t *testing.T) {
	tree, err := devicetree.New(small(nil))
	if err != nil {
		t.Fatal(err)
	}

	led, err := tree.Node("/led")
	if err != nil {
		t.Fatal(err)
	}

	references, err := tree.References(led, "gpios")
	if err != nil {
		t.Fatal(err)
	}

	pin, ok := tree.GPIO(references[0])
	if !ok || pin.String() != "gpio1 PB4" {
		t.Errorf("the LED is on %s (%v), want gpio1 PB4", pin, ok)
	}

	pins, err := tree.Pins(led)
	if err != nil || len(pins) != 1 || pins[0].Pin != pin || pins[0].Function != 0 {
		t.Errorf("the LED's group takes %v (%v), want %s as GPIO", pins, err, pin)
	}
}

func TestReferenceThatLeadsNowhereIsAnError(t *testing.T) {
	for name, broken := range map[string]struct {
		change func(*dt.Node)
		want   error
	}{
		"phandle that nobody has":         {set("led", dt.PropertyU32Array("gpios", []uint32{9, 12, 0})), devicetree.ErrDangling},
		"phandle of something else":       {set("led", dt.PropertyU32Array("gpios", []uint32{2, 12, 0})), devicetree.ErrNoCells},
		"too few numbers":                 {set("led", dt.PropertyU32Array("gpios", []uint32{1, 12})), devicetree.ErrCutShort},
		"second reference without number": {set("led", dt.PropertyU32Array("gpios", []uint32{1, 12, 0, 1})), devicetree.ErrCutShort},
	} {
		t.Run(name, func(t *testing.T) {
			tree, err := devicetree.New(small(broken.change))
			if err != nil {
				t.Fatal(err)
			}

			led, err := tree.Node("/led")
			if err != nil {
				t.Fatal(err)
			}

			if _, err := tree.References(led, "gpios"); !errors.Is(err, broken.want) {
				t.Errorf("got %v, want %v", err, broken.want)
			}
		})
	}
}

func TestPhandleOfTwoNodesIsAnError(t *testing.T) {
	if _, err := devicetree.New(small(set("led", dt.PropertyU32("phandle", 1)))); !errors.Is(err, devicetree.ErrDuplicate) {
		t.Errorf("got %v, want %v", err, devicetree.ErrDuplicate)
	}
}

func TestPinGroupCutShortIsAnError(t *testing.T) {
	tree, err := devicetree.New(small(set("pin", dt.PropertyU32Array("rockchip,pins", []uint32{1, 12, 0}))))
	if err != nil {
		t.Fatal(err)
	}

	led, err := tree.Node("/led")
	if err != nil {
		t.Fatal(err)
	}

	if _, err := tree.Pins(led); !errors.Is(err, devicetree.ErrCutShort) {
		t.Errorf("got %v, want %v", err, devicetree.ErrCutShort)
	}
}

func TestVoltageTheChipCannotGiveIsAnError(t *testing.T) {
	for name, tt := range map[string]struct {
		property dt.Property
		ok       bool
	}{
		"its range":          {dt.PropertyU32("regulator-max-microvolt", 1_493_750), true},
		"above its range":    {dt.PropertyU32("regulator-max-microvolt", 1_500_000), false},
		"below its range":    {dt.PropertyU32("regulator-min-microvolt", 400_000), false},
		"between its steps":  {dt.PropertyU32("regulator-max-microvolt", 951_000), false},
		"range upside down":  {dt.PropertyU32("regulator-max-microvolt", 500_000), false},
		"not a regulator":    {dt.PropertyString("regulator-name", ""), false},
		"no range at all":    {dt.PropertyU32("regulator-min-microvolt", 0), false},
		"what the board has": {dt.PropertyU32("regulator-max-microvolt", 950_000), true},
	} {
		t.Run(name, func(t *testing.T) {
			tree, err := devicetree.New(small(set("regulator", tt.property)))
			if err != nil {
				t.Fatal(err)
			}

			node, err := tree.Node("/regulator")
			if err != nil {
				t.Fatal(err)
			}

			r, err := devicetree.AsRegulator(node)
			if err == nil {
				err = r.CheckRange()
			}

			if (err == nil) != tt.ok {
				t.Errorf("got %v, want success: %v", err, tt.ok)
			}
		})
	}
}

func TestNodeBelowADisabledOneIsNotUsed(t *testing.T) {
	tree, err := devicetree.New(dt.NewNode("", dt.WithChildren(
		dt.NewNode("bus", dt.WithProperty(dt.PropertyString("status", "disabled")), dt.WithChildren(dt.NewNode("device"))),
		dt.NewNode("used"),
	)))
	if err != nil {
		t.Fatal(err)
	}

	var seen []string

	tree.Enabled(func(n *devicetree.Node) { seen = append(seen, n.Path) })

	if len(seen) != 2 || seen[1] != "/used" {
		t.Errorf("used: %v, want / and /used", seen)
	}
}

func TestOpenSaysWhichFileIsNoTree(t *testing.T) {
	name := filepath.Join(t.TempDir(), "not.dtb")
	if err := os.WriteFile(name, []byte("no device tree at all"), 0o600); err != nil {
		t.Fatal(err)
	}

	for _, file := range []string{name, name + ".absent"} {
		if _, err := devicetree.Open(file); err == nil || !containsPath(err, file) {
			t.Errorf("got %v, want an error that names %s", err, file)
		}
	}
}

func containsPath(err error, file string) bool {
	var pathError *os.PathError

	return errors.As(err, &pathError) && pathError.Path == file || len(err.Error()) > len(file) && err.Error()[:len(file)] == file
}
