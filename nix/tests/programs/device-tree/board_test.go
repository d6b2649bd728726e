// SPDX-License-Identifier: MPL-2.0

//go:build dtb

// What every board's compiled trees promise, and (facts_test.go) what is known of this one. The build tag is there because the trees come from dtc
// and a kernel's source:
//
//	BOARD_FACTS=dts/nanopi-m6.facts.yaml BOARD_DTB=rk3588s-nanopi-m6.dtb:rk3588s-nanopi-m6v2.dtb BOARD_UBOOT_DTB=u-boot.dtb \
//	go test -tags dtb ./nix/tests/programs/device-tree
//
// BOARD_DTB names the tree of each revision, of several kernels where wanted, separated by colons. The overlays (*.dtbo)
// beside each are applied to it and asked as well.
package devicetree_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/u-root/u-root/pkg/dt"

	"talos-nanopi-m6/internal/fdt"
	devicetree "talos-nanopi-m6/nix/tests/programs/device-tree"
)

// files gives the trees that an environment variable names.
func files(t *testing.T, variable string) []string {
	t.Helper()

	names := filepath.SplitList(os.Getenv(variable))
	if len(names) == 0 {
		t.Fatalf("%s: got nothing, want the compiled trees to test", variable)
	}

	return names
}

func open(t *testing.T, name string) *devicetree.Tree {
	t.Helper()

	tree, err := devicetree.Open(name)
	if err != nil {
		t.Fatal(err)
	}

	return tree
}

// bare runs a test on every tree as compiled, Linux' and U-Boot's.
func bare(t *testing.T, test func(*testing.T, *devicetree.Tree)) {
	for _, name := range append(files(t, "BOARD_DTB"), files(t, "BOARD_UBOOT_DTB")...) {
		t.Run(name, func(t *testing.T) { test(t, open(t, name)) })
	}
}

// linux runs a test on every kernel's tree, by itself and with each overlay.
func linux(t *testing.T, test func(*testing.T, *devicetree.Tree)) {
	for _, name := range files(t, "BOARD_DTB") {
		t.Run(name, func(t *testing.T) { test(t, open(t, name)) })

		for overlay, tree := range overlaid(t, name) {
			t.Run(overlay, func(t *testing.T) { test(t, tree) })
		}
	}
}

// overlays gives those beside the tree.
func overlays(t *testing.T, name string) []string {
	t.Helper()

	found, err := filepath.Glob(filepath.Join(filepath.Dir(name), "*.dtbo"))
	if err != nil {
		t.Fatal(err)
	}

	return found
}

// overlaid applies each overlay beside the tree to it. HDMI's must be refused where the kernel knows no HDMI.
func overlaid(t *testing.T, name string) map[string]*devicetree.Tree {
	t.Helper()

	trees := map[string]*devicetree.Tree{}

	for _, overlay := range overlays(t, name) {
		base, over := parse(t, name), parse(t, overlay)

		err := fdt.Apply(base, over)
		if strings.HasSuffix(overlay, "-display.dtbo") && fdt.Lookup(base.RootNode, "/hdmi@fde80000") == nil {
			if err == nil {
				t.Errorf("%s applies to %s, which has no HDMI: got no error, want one", overlay, name)
			}

			continue
		}

		if err != nil {
			t.Fatalf("%s on %s: %v", overlay, name, err)
		}

		tree, err := devicetree.New(base.RootNode)
		if err != nil {
			t.Fatalf("%s on %s: %v", overlay, name, err)
		}

		trees[name+"+"+filepath.Base(overlay)] = tree
	}

	return trees
}

// node finds what the test is about.
func node(t *testing.T, tree *devicetree.Tree, path string) *devicetree.Node {
	t.Helper()

	n, err := tree.Node(path)
	if err != nil {
		t.Fatal(err)
	}

	return n
}

// pmic is the RK806 where RK3588S boards have it.
const pmic = "/spi@feb20000/pmic@0"

// A node has no screen and no loudspeaker: what would drive them stays off, and out of the trees' way.
func TestDisplayAndAudioAreLeftOut(t *testing.T) {
	bare(t, func(t *testing.T, tree *devicetree.Tree) {
		tree.Enabled(func(n *devicetree.Node) {
			name, _, _ := strings.Cut(n.Name, "@")
			if !strings.HasPrefix(n.Path, "/pinctrl/") &&
				slices.Contains([]string{"vop", "hdmi", "dsi", "edp", "i2s", "gpu", "audio-codec", "sound"}, name) {
				t.Errorf("%s: got it enabled, want it disabled", n.Path)
			}
		})
	})
}

// claims gives for each pin of the SoC who takes it and as what.
func claims(t *testing.T, tree *devicetree.Tree) map[devicetree.Pin]map[string]uint32 {
	t.Helper()

	claimed := map[devicetree.Pin]map[string]uint32{}

	tree.Enabled(func(n *devicetree.Node) {
		pins, err := tree.Pins(n)
		if err != nil {
			t.Error(err)
		}

		for _, pin := range pins {
			if claimed[pin.Pin] == nil {
				claimed[pin.Pin] = map[string]uint32{}
			}

			claimed[pin.Pin][n.Path] = pin.Function
		}
	})

	return claimed
}

func TestPinIsTakenOnce(t *testing.T) {
	linux(t, func(t *testing.T, tree *devicetree.Tree) {
		claimed := claims(t, tree)
		if len(claimed) < 50 {
			t.Errorf("got %d pins that are taken, want 50 or more: the groups were not read", len(claimed))
		}

		for pin, by := range claimed {
			if len(by) > 1 {
				t.Errorf("%s: got it taken by %v, want one", pin, slices.Sorted(maps.Keys(by)))
			}
		}
	})
}

// The owner of a GPIO: the device, or the parent that a group of LEDs or buttons has its pins from.
func owners(n *devicetree.Node) []string {
	if n.Parent == nil {
		return []string{n.Path}
	}

	return []string{n.Path, n.Parent.Path}
}

func TestGPIOIsUsedOnceAndNotMuxedAway(t *testing.T) {
	linux(t, func(t *testing.T, tree *devicetree.Tree) {
		claimed := claims(t, tree)
		users := map[devicetree.Pin]string{}

		tree.Enabled(func(n *devicetree.Node) {
			for _, property := range n.Properties {
				references, err := tree.References(n, property.Name)
				if err != nil {
					t.Error(err)
				}

				for _, reference := range references {
					pin, ok := tree.GPIO(reference)
					if !ok {
						continue
					}

					if other, ok := users[pin]; ok {
						t.Errorf("%s: got it used by %s and %s, want one", pin, other, n.Path)
					}

					users[pin] = n.Path

					for by, function := range claimed[pin] {
						if function != 0 || !slices.Contains(owners(n), by) {
							t.Errorf("%s, used by %s: got function %d by %s, want GPIO (0) by its own group", pin, n.Path, function, by)
						}
					}
				}
			}
		})

		if len(users) < 10 {
			t.Errorf("got %d GPIOs that are used, want 10 or more: the references were not read", len(users))
		}
	})
}

func TestReferencesLeadSomewhere(t *testing.T) {
	linux(t, func(t *testing.T, tree *devicetree.Tree) {
		count := 0

		tree.Root.Walk(func(n *devicetree.Node) bool {
			for _, property := range n.Properties {
				references, err := tree.References(n, property.Name)
				if err != nil {
					t.Error(err)
				}

				count += len(references)
			}

			return true
		})

		if count < 500 {
			t.Errorf("got %d references, want 500 or more: the tree was not read", count)
		}
	})
}

func TestSuppliesAreRegulators(t *testing.T) {
	linux(t, func(t *testing.T, tree *devicetree.Tree) {
		count := 0

		tree.Enabled(func(n *devicetree.Node) {
			for _, property := range n.Properties {
				if !strings.HasSuffix(property.Name, "-supply") {
					continue
				}

				supply, err := tree.Follow(n, property.Name)
				if err != nil {
					t.Error(err)

					continue
				}

				if _, err := devicetree.AsRegulator(supply); err != nil {
					t.Errorf("%s of %s: %v", property.Name, n.Path, err)
				}

				count++
			}
		})

		if count < 40 {
			t.Errorf("got %d supplies, want 40 or more", count)
		}
	})
}

// A linear regulator cannot give more than it gets. Its input is the one of the RK806's driver
// (rk806_reg, drivers/regulator/rk808-regulator.c).
func TestLinearRegulatorsStayBelowTheirInputs(t *testing.T) {
	inputs := map[string]string{
		"pldo-reg1": "vcc11", "pldo-reg2": "vcc11", "pldo-reg3": "vcc11",
		"pldo-reg4": "vcc12", "pldo-reg5": "vcc12", "pldo-reg6": "vcca",
		"nldo-reg1": "vcc13", "nldo-reg2": "vcc13", "nldo-reg3": "vcc13",
		"nldo-reg4": "vcc14", "nldo-reg5": "vcc14",
	}

	bare(t, func(t *testing.T, tree *devicetree.Tree) {
		for name, input := range inputs {
			output, err := devicetree.AsRegulator(node(t, tree, pmic+"/regulators/"+name))
			if err != nil {
				t.Fatal(err)
			}

			supply, err := tree.Follow(node(t, tree, pmic), input+"-supply")
			if err != nil {
				t.Fatal(err)
			}

			source, err := devicetree.AsRegulator(supply)
			if err != nil {
				t.Fatal(err)
			}

			if output.Maximum > source.Minimum {
				t.Errorf("%s: got up to %d microvolts, want at most the %d of %s", output.Name, output.Maximum, source.Minimum, source.Name)
			}
		}
	})
}

// Every speed of a CPU needs a voltage; one outside its supply's range would be a speed the kernel drops silently.
func TestCPUsReachAllTheirSpeeds(t *testing.T) {
	linux(t, func(t *testing.T, tree *devicetree.Tree) {
		speeds := 0

		for _, cpu := range node(t, tree, "/cpus").Children {
			if !cpu.Has("cpu-supply") {
				continue
			}

			supply, err := tree.Follow(cpu, "cpu-supply")
			if err != nil {
				t.Fatal(err)
			}

			regulator, err := devicetree.AsRegulator(supply)
			if err != nil {
				t.Fatal(err)
			}

			table, err := tree.Follow(cpu, "operating-points-v2")
			if err != nil {
				t.Fatal(err)
			}

			for _, point := range table.Children {
				microvolts := point.Cells("opp-microvolt")
				if len(microvolts) == 0 || microvolts[0] < regulator.Minimum || microvolts[0] > regulator.Maximum {
					t.Errorf("%s of %s: got %d microvolts, want what %s gives, %d to %d",
						point.Name, cpu.Path, microvolts, regulator.Name, regulator.Minimum, regulator.Maximum)
				}

				speeds++
			}
		}

		if speeds == 0 {
			t.Error("got no CPU with speeds, want them")
		}
	})
}

// Without a display controller the subsystem's driver ends in an error, at every boot.
func TestDisplaySubsystemIsOnWithADisplayControllerAlone(t *testing.T) {
	linux(t, func(t *testing.T, tree *devicetree.Tree) {
		want := node(t, tree, "/vop@fdd90000").Okay()
		if got := node(t, tree, "/display-subsystem").Okay(); got != want {
			t.Errorf("got the display subsystem on: %v, want %v, as the display controller is", got, want)
		}
	})
}

// A tree that carries no symbols takes no overlay.
func TestTreesTakeOverlays(t *testing.T) {
	for _, name := range files(t, "BOARD_DTB") {
		if len(node(t, open(t, name), "/__symbols__").Properties) == 0 {
			t.Errorf("%s: got no symbols, want them (dtc -@)", name)
		}
	}
}

func parse(t *testing.T, name string) *dt.FDT {
	t.Helper()

	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}

	parsed, err := fdt.Read(data)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}

	return parsed
}
