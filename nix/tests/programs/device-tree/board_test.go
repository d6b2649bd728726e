// SPDX-License-Identifier: MPL-2.0

//go:build dtb

// What is known of the NanoPi M6, asked of its compiled trees. The build tag is there because the trees come from dtc
// and a kernel's source:
//
//	M6_DTB=rk3588s-nanopi-m6.dtb M6_UBOOT_DTB=u-boot.dtb go test -tags dtb ./nix/tests/programs/device-tree
//
// M6_DTB may name several trees, one a kernel, separated by colons. The overlays (*.dtbo) beside each are applied to it
// and asked as well.
package devicetree_test

import (
	"fmt"
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
		t.Fatalf("%s is not set: it names the compiled trees to test", variable)
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
	for _, name := range append(files(t, "M6_DTB"), files(t, "M6_UBOOT_DTB")...) {
		t.Run(name, func(t *testing.T) { test(t, open(t, name)) })
	}
}

// linux runs a test on every kernel's tree, by itself and with each overlay.
func linux(t *testing.T, test func(*testing.T, *devicetree.Tree)) {
	for _, name := range files(t, "M6_DTB") {
		t.Run(name, func(t *testing.T) { test(t, open(t, name)) })

		for overlay, tree := range overlaid(t, name) {
			t.Run(overlay, func(t *testing.T) { test(t, tree) })
		}
	}
}

// overlaid applies each overlay beside the tree to it. HDMI's must be refused where the kernel knows no HDMI.
func overlaid(t *testing.T, name string) map[string]*devicetree.Tree {
	t.Helper()

	overlays, err := filepath.Glob(filepath.Join(filepath.Dir(name), "*.dtbo"))
	if err != nil || len(overlays) == 0 {
		t.Fatalf("no overlay beside %s (%v)", name, err)
	}

	trees := map[string]*devicetree.Tree{}

	for _, overlay := range overlays {
		base, over := parse(t, name), parse(t, overlay)

		err := fdt.Apply(base, over)
		if strings.HasSuffix(overlay, "-display.dtbo") && fdt.Lookup(base.RootNode, "/hdmi@fde80000") == nil {
			if err == nil {
				t.Errorf("%s applies to %s, which has no HDMI", overlay, name)
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

// The nodes of the facts, by the addresses of the RK3588's technical reference manual.
const (
	sdhci    = "/mmc@fe2e0000"
	sdmmc    = "/mmc@fe2c0000"
	gmac1    = "/ethernet@fe1c0000"
	pcieWifi = "/pcie@fe180000"
	pcieNVMe = "/pcie@fe190000"
	pmic     = "/spi@feb20000/pmic@0"
	uart2    = "/serial@feb50000"
)

func TestBoardIsNamed(t *testing.T) {
	bare(t, func(t *testing.T, tree *devicetree.Tree) {
		if got := fdt.Strings(tree.Root.Node, "compatible"); !slices.Equal(got, []string{"friendlyelec,nanopi-m6", "rockchip,rk3588s"}) {
			t.Errorf("compatible is %q", got)
		}

		aliases := node(t, tree, "/aliases")
		for alias, want := range map[string]string{"ethernet0": gmac1, "mmc0": sdhci, "mmc1": sdmmc, "serial2": uart2} {
			if got := fdt.String(aliases.Node, alias); got != want {
				t.Errorf("%s is %s, want %s", alias, got, want)
			}
		}

		if got := fdt.String(node(t, tree, "/chosen").Node, "stdout-path"); got != "serial2:1500000n8" {
			t.Errorf("the console is %s", got)
		}
	})
}

// value is what a property must hold: numbers, strings, or nothing at all for a flag.
type value any

type flag struct{}

func TestFactsOfTheBoard(t *testing.T) {
	facts := []struct {
		path, property string
		want           value
	}{
		{gmac1, "phy-mode", "rgmii-rxid"},
		{gmac1, "tx_delay", 0x42},
		{gmac1, "clock_in_out", "output"},
		{gmac1 + "/mdio/ethernet-phy@1", "compatible", "ethernet-phy-id001c.c916"},
		{gmac1 + "/mdio/ethernet-phy@1", "reg", 1},
		{gmac1 + "/mdio/ethernet-phy@1", "reset-assert-us", 20_000},
		{gmac1 + "/mdio/ethernet-phy@1", "reset-deassert-us", 100_000},

		{sdhci, "bus-width", 8},
		{sdhci, "mmc-hs200-1_8v", flag{}},
		{sdhci, "non-removable", flag{}},

		{sdmmc, "bus-width", 4},
		{sdmmc, "sd-uhs-sdr104", flag{}},
		{sdmmc, "max-frequency", 150_000_000},
		{sdmmc, "disable-wp", flag{}},

		{"/usb@fc000000", "dr_mode", "host"},

		{pmic, "compatible", "rockchip,rk806"},
		{pmic, "reg", 0},
		{pmic, "spi-max-frequency", 1_000_000},
		{pmic, "system-power-controller", flag{}},
		{pmic, "interrupts", []int{7, 8}},

		{"/i2c@fd880000/regulator@42", "compatible", "rockchip,rk8602"},
		{"/i2c@fd880000/regulator@43", "compatible", "rockchip,rk8603"},
		{"/i2c@feaa0000/regulator@42", "compatible", "rockchip,rk8602"},

		{"/i2c@fec80000", "clock-frequency", 200_000},
		{"/i2c@fec80000/rtc@51", "compatible", "haoyu,hym8563"},
		{"/i2c@fec80000/rtc@51", "interrupts", []int{8, 8}},
		{"/i2c@fec80000/rtc@51", "wakeup-source", flag{}},

		{"/adc-keys-0/button-maskrom", "press-threshold-microvolt", 1_800},
		{"/adc-keys-0", "keyup-threshold-microvolt", 1_800_000},
		{"/adc-keys-1/button-recovery", "press-threshold-microvolt", 1_800},
		{"/adc-keys-1", "keyup-threshold-microvolt", 1_800_000},

		{"/leds/led-0", "linux,default-trigger", "heartbeat"},
		{"/leds/led-0", "default-state", "on"},
		{"/leds/led-1", "panic-indicator", flag{}},
	}

	bare(t, func(t *testing.T, tree *devicetree.Tree) {
		for _, fact := range facts {
			n := node(t, tree, fact.path)

			switch want := fact.want.(type) {
			case flag:
				if !n.Has(fact.property) {
					t.Errorf("%s lacks %s", fact.path, fact.property)
				}
			case string:
				if got := fdt.String(n.Node, fact.property); got != want {
					t.Errorf("%s of %s is %q, want %q", fact.property, fact.path, got, want)
				}
			case int:
				if got, ok := fdt.Uint32(n.Node, fact.property); !ok || got != uint32(want) {
					t.Errorf("%s of %s is %d (%v), want %d", fact.property, fact.path, got, ok, want)
				}
			case []int:
				if got := fmt.Sprint(n.Cells(fact.property)); got != fmt.Sprint(want) {
					t.Errorf("%s of %s is %s, want %d", fact.property, fact.path, got, want)
				}
			}
		}
	})
}

func TestEverythingANodeUsesIsEnabled(t *testing.T) {
	bare(t, func(t *testing.T, tree *devicetree.Tree) {
		enabled := map[string]bool{}

		tree.Enabled(func(n *devicetree.Node) { enabled[n.Path] = true })

		for _, path := range []string{
			sdhci, sdmmc, gmac1, pcieWifi, pcieNVMe, pmic, uart2,
			"/phy@fee00000", "/phy@fee20000", // combphy0_ps, combphy2_psu
			"/usb@fc000000", "/phy@fed80000", "/syscon@fd5d0000/usb2phy@0/otg-port",
			"/usb@fc800000", "/usb@fc840000", "/syscon@fd5d8000/usb2phy@8000/host-port",
			"/usb@fc880000", "/usb@fc8c0000", "/syscon@fd5dc000/usb2phy@c000/host-port",
			"/watchdog@feaf0000", "/tsadc@fec00000", "/adc@fec10000", "/thermal-zones/package-thermal",
			"/i2c@fd880000", "/i2c@feaa0000", "/i2c@fec80000",
		} {
			if !enabled[path] {
				t.Errorf("%s is not there or disabled", path)
			}
		}
	})
}

// A node has no screen and no loudspeaker: what would drive them stays off, and out of the trees' way.
func TestDisplayAndAudioAreLeftOut(t *testing.T) {
	bare(t, func(t *testing.T, tree *devicetree.Tree) {
		tree.Enabled(func(n *devicetree.Node) {
			name, _, _ := strings.Cut(n.Name, "@")
			if !strings.HasPrefix(n.Path, "/pinctrl/") &&
				slices.Contains([]string{"vop", "hdmi", "dsi", "edp", "i2s", "gpu", "audio-codec", "sound"}, name) {
				t.Errorf("%s is enabled", n.Path)
			}
		})
	})
}

func TestGPIOsAreThoseOfTheBoard(t *testing.T) {
	const high, low = 0, 1

	wants := []struct {
		path, property, pin string
		flags               uint32
	}{
		{"/leds/led-0", "gpios", "gpio1 PA4", high},
		{"/leds/led-1", "gpios", "gpio1 PA6", high},
		{gmac1 + "/mdio/ethernet-phy@1", "reset-gpios", "gpio3 PB7", low},
		{sdmmc, "cd-gpios", "gpio0 PA4", low},
		{pcieWifi, "reset-gpios", "gpio1 PA7", high},
		{pcieNVMe, "reset-gpios", "gpio4 PA5", high},
		{"/regulator-vcc-3v0-sd-s0", "gpios", "gpio4 PB4", high},
		{"/regulator-vcc-3v3-m2m", "gpios", "gpio3 PC6", high},
		{"/regulator-vcc5v0-usb-host", "gpios", "gpio4 PB5", high},
		{"/regulator-vcc5v0-usb-otg0", "gpios", "gpio3 PD4", high},
	}

	bare(t, func(t *testing.T, tree *devicetree.Tree) {
		for _, want := range wants {
			references, err := tree.References(node(t, tree, want.path), want.property)
			if err != nil || len(references) != 1 {
				t.Errorf("%s of %s: %d GPIOs (%v), want one", want.property, want.path, len(references), err)

				continue
			}

			pin, ok := tree.GPIO(references[0])
			if !ok || pin.String() != want.pin || references[0].Arguments[1] != want.flags {
				t.Errorf("%s of %s is %s, flags %d, want %s, flags %d",
					want.property, want.path, pin, references[0].Arguments[1], want.pin, want.flags)
			}
		}
	})
}

func TestPinGroupsAreThoseOfTheBoard(t *testing.T) {
	groups := map[string][]string{
		gmac1:                {"gmac1-miim", "gmac1-tx-bus2", "gmac1-rx-bus2", "gmac1-rgmii-clk", "gmac1-rgmii-bus"},
		uart2:                {"uart2m0-xfer"},
		"/i2c@fd880000":      {"i2c0m2-xfer"},
		"/i2c@fec80000":      {"i2c6m0-xfer"},
		"/spi@feb20000":      {"spi2m2-cs0", "spi2m2-pins"},
		sdhci:                {"emmc-rstnout", "emmc-bus8", "emmc-clk", "emmc-cmd", "emmc-data-strobe"},
		pmic:                 {"pmic-pins", "dvs1-null-pins", "dvs2-null-pins", "dvs3-null-pins"},
		"/leds":              {"sys-led-pin", "user-led-pin"},
		"/adc@fec10000":      nil,
		"/usb@fc000000":      nil,
		"/watchdog@feaf0000": nil,
	}

	bare(t, func(t *testing.T, tree *devicetree.Tree) {
		for path, want := range groups {
			references, err := tree.References(node(t, tree, path), "pinctrl-0")
			if err != nil {
				t.Error(err)
			}

			var got []string
			for _, r := range references {
				got = append(got, r.To.Name)
			}

			if !slices.Equal(got, want) {
				t.Errorf("%s takes %q, want %q", path, got, want)
			}
		}

		for i := 1; i <= 3; i++ {
			dvs := node(t, tree, fmt.Sprintf("%s/dvs%d-null-pins", pmic, i))
			if got := fdt.String(dvs.Node, "function"); got != "pin_fun0" {
				t.Errorf("DVS pin %d has %s", i, got)
			}
		}
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
			t.Errorf("only %d pins are taken: the groups were not read", len(claimed))
		}

		for pin, by := range claimed {
			if len(by) > 1 {
				t.Errorf("%s is taken by %v", pin, slices.Sorted(maps.Keys(by)))
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
						t.Errorf("%s is used by %s and %s", pin, other, n.Path)
					}

					users[pin] = n.Path

					for by, function := range claimed[pin] {
						if function != 0 || !slices.Contains(owners(n), by) {
							t.Errorf("%s, used by %s, is muxed to function %d by %s", pin, n.Path, function, by)
						}
					}
				}
			}
		})

		if len(users) < 10 {
			t.Errorf("only %d GPIOs are used: the references were not read", len(users))
		}
	})
}

func TestLineNamesStandOnTheLinesInUse(t *testing.T) {
	names := map[string]map[int]string{
		"gpio0": {4: "SD_DET_L", 7: "PMIC_INT_L", 8: "RTC_INT_L"},
		"gpio1": {4: "SYS_LED", 6: "USER_LED", 7: "M2E_PERST_L"},
		"gpio3": {15: "PHY_RST_L", 22: "M2M_PWREN", 28: "USB_OTG0_PWREN"},
		"gpio4": {5: "M2M_PERST_L", 12: "SD_PWREN", 13: "USB_HOST_PWREN"},
	}

	bare(t, func(t *testing.T, tree *devicetree.Tree) {
		for alias, want := range names {
			bank := fdt.Lookup(tree.Root.Node, alias)
			if bank == nil {
				t.Fatalf("no %s", alias)
			}

			got := fdt.Strings(bank, "gpio-line-names")
			if len(got) != 32 {
				t.Errorf("%s names %d lines, not 32", alias, len(got))

				continue
			}

			for line, name := range got {
				if name != want[line] {
					t.Errorf("line %d of %s is %q, want %q", line, alias, name, want[line])
				}
			}
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
			t.Errorf("only %d references: the tree was not read", count)
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
			t.Errorf("only %d supplies", count)
		}
	})
}

func TestDevicesHaveTheSuppliesOfTheBoard(t *testing.T) {
	wants := []struct{ path, property, regulator string }{
		{sdmmc, "vmmc-supply", "vcc_3v0_sd_s0"},
		{sdmmc, "vqmmc-supply", "vccio_sd_s0"},
		{pcieNVMe, "vpcie3v3-supply", "vcc_3v3_m2m"},
		{pcieWifi, "vpcie3v3-supply", "vcc_3v3_m2e"},
		{"/syscon@fd5d0000/usb2phy@0/otg-port", "phy-supply", "vcc5v0_usb_otg0"},
		{"/syscon@fd5d8000/usb2phy@8000/host-port", "phy-supply", "vcc5v0_usb_host"},
		{"/syscon@fd5dc000/usb2phy@c000/host-port", "phy-supply", "vcc5v0_usb_host"},
		{"/adc@fec10000", "vref-supply", "avcc_1v8_s0"},
		{pmic, "vcc11-supply", "vcc_2v0_pldo_s3"},
		{pmic, "vcc13-supply", "vcc_1v1_nldo_s3"},
		{pmic, "vcc14-supply", "vcc_1v1_nldo_s3"},
		{pmic, "vcca-supply", "vcc5v0_sys"},
		{"/cpus/cpu@0", "cpu-supply", "vdd_cpu_lit_s0"},
		{"/cpus/cpu@100", "cpu-supply", "vdd_cpu_lit_s0"},
		{"/cpus/cpu@200", "cpu-supply", "vdd_cpu_lit_s0"},
		{"/cpus/cpu@300", "cpu-supply", "vdd_cpu_lit_s0"},
		{"/cpus/cpu@400", "cpu-supply", "vdd_cpu_big0_s0"},
		{"/cpus/cpu@500", "cpu-supply", "vdd_cpu_big0_s0"},
		{"/cpus/cpu@600", "cpu-supply", "vdd_cpu_big1_s0"},
		{"/cpus/cpu@700", "cpu-supply", "vdd_cpu_big1_s0"},
	}

	for _, input := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12} {
		wants = append(wants, struct{ path, property, regulator string }{pmic, fmt.Sprintf("vcc%d-supply", input), "vcc5v0_sys"})
	}

	bare(t, func(t *testing.T, tree *devicetree.Tree) {
		for _, want := range wants {
			supply, err := tree.Follow(node(t, tree, want.path), want.property)
			if err != nil {
				t.Error(err)

				continue
			}

			if got := fdt.String(supply.Node, "regulator-name"); got != want.regulator {
				t.Errorf("%s of %s is %s, want %s", want.property, want.path, got, want.regulator)
			}
		}
	})
}

// ranges are the board's regulators: lowest and highest voltage in microvolts, 0 where a divider sets it.
var ranges = map[string]struct{ lowest, highest uint32 }{
	"/i2c@fd880000/regulator@42":    {550_000, 1_050_000},
	"/i2c@fd880000/regulator@43":    {550_000, 1_050_000},
	"/i2c@feaa0000/regulator@42":    {550_000, 950_000},
	"/regulator-vcc-3v0-sd-s0":      {3_000_000, 3_000_000},
	"/regulator-vcc-1v1-nldo-s3":    {1_100_000, 1_100_000},
	"/regulator-vcc-3v3-m2m":        {3_300_000, 3_300_000},
	"/regulator-vcc-3v3-m2e":        {3_300_000, 3_300_000},
	pmic + "/regulators/dcdc-reg1":  {550_000, 950_000},
	pmic + "/regulators/dcdc-reg2":  {550_000, 950_000},
	pmic + "/regulators/dcdc-reg3":  {675_000, 750_000},
	pmic + "/regulators/dcdc-reg4":  {550_000, 950_000},
	pmic + "/regulators/dcdc-reg5":  {675_000, 900_000},
	pmic + "/regulators/dcdc-reg6":  {0, 0},
	pmic + "/regulators/dcdc-reg7":  {2_000_000, 2_000_000},
	pmic + "/regulators/dcdc-reg8":  {3_300_000, 3_300_000},
	pmic + "/regulators/dcdc-reg9":  {0, 0},
	pmic + "/regulators/dcdc-reg10": {1_800_000, 1_800_000},
	pmic + "/regulators/pldo-reg1":  {1_800_000, 1_800_000},
	pmic + "/regulators/pldo-reg2":  {1_800_000, 1_800_000},
	pmic + "/regulators/pldo-reg3":  {1_200_000, 1_200_000},
	pmic + "/regulators/pldo-reg4":  {3_300_000, 3_300_000},
	pmic + "/regulators/pldo-reg5":  {1_800_000, 3_300_000},
	pmic + "/regulators/pldo-reg6":  {1_800_000, 1_800_000},
	pmic + "/regulators/nldo-reg1":  {750_000, 750_000},
	pmic + "/regulators/nldo-reg2":  {850_000, 850_000},
	pmic + "/regulators/nldo-reg3":  {750_000, 750_000},
	pmic + "/regulators/nldo-reg4":  {850_000, 850_000},
	pmic + "/regulators/nldo-reg5":  {750_000, 750_000},
}

func TestRegulatorsHaveTheBoardsRangesAndStayInsideTheirChips(t *testing.T) {
	bare(t, func(t *testing.T, tree *devicetree.Tree) {
		for path, want := range ranges {
			r, err := devicetree.AsRegulator(node(t, tree, path))
			if err != nil {
				t.Error(err)

				continue
			}

			if r.Minimum != want.lowest || r.Maximum != want.highest {
				t.Errorf("%s (%s) gives %d to %d microvolts, want %d to %d",
					r.Name, path, r.Minimum, r.Maximum, want.lowest, want.highest)
			}

			if err := r.CheckRange(); err != nil {
				t.Error(err)
			}

			ramp := map[bool]uint32{true: 12_500, false: 2_300}[strings.HasPrefix(path, pmic)]
			if got, ok := fdt.Uint32(r.Node.Node, "regulator-ramp-delay"); ok && got != ramp {
				t.Errorf("%s ramps at %d uV/us, want %d", r.Name, got, ramp)
			}
		}

		for _, child := range node(t, tree, pmic+"/regulators").Children {
			if child.Name != "dcdc-reg1" && !child.Has("regulator-always-on") {
				t.Errorf("%s is not always on: only the GPU's may be off", child.Path)
			}
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
				t.Errorf("%s gives up to %d microvolts out of %d (%s)", output.Name, output.Maximum, source.Minimum, source.Name)
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
					t.Errorf("%s of %s needs %d microvolts, %s gives %d to %d",
						point.Name, cpu.Path, microvolts, regulator.Name, regulator.Minimum, regulator.Maximum)
				}

				speeds++
			}
		}

		if speeds == 0 {
			t.Error("no CPU has speeds")
		}
	})
}

// The flash has the eMMC's pins.
func TestFlashOverlayTurnsTheEMMCOff(t *testing.T) {
	for _, name := range files(t, "M6_DTB") {
		tree := overlaid(t, name)[name+"+rk3588s-nanopi-m6-spi-nor.dtbo"]
		if tree == nil {
			t.Fatal("no flash overlay")
		}

		if node(t, tree, sdhci).Okay() {
			t.Error("the eMMC is on")
		}

		flash := node(t, tree, "/spi@fe2b0000/flash@0")
		if !flash.Parent.Okay() || fdt.String(flash.Node, "compatible") != "jedec,spi-nor" {
			t.Errorf("%s is off or no flash", flash.Path)
		}
	}
}

// U-Boot takes its pins when it probes a device, so it describes both; of the two, nothing but SPL probes the flash.
func TestUBootDescribesFlashAndEMMC(t *testing.T) {
	for _, name := range files(t, "M6_UBOOT_DTB") {
		tree := open(t, name)

		for _, path := range []string{sdhci, "/spi@fe2b0000", "/spi@fe2b0000/flash@0"} {
			if n := node(t, tree, path); !n.Okay() {
				t.Errorf("%s is off", path)
			}
		}

		if got := fdt.Strings(node(t, tree, "/chosen").Node, "u-boot,spl-boot-order"); !slices.Equal(got, []string{"same-as-spl", sdmmc, sdhci}) {
			t.Errorf("SPL tries %q", got)
		}

		for _, path := range []string{"/leds", "/leds/led-0", "/pinctrl/gpio@fec20000", "/pinctrl/leds/sys-led-pin"} {
			if !node(t, tree, path).Has("bootph-pre-ram") {
				t.Errorf("%s is not in SPL's tree: the LED would stay dark", path)
			}
		}
	}
}

// A tree that carries no symbols takes no overlay.
func TestTreesTakeOverlays(t *testing.T) {
	for _, name := range files(t, "M6_DTB") {
		if len(node(t, open(t, name), "/__symbols__").Properties) == 0 {
			t.Errorf("%s has no symbols (dtc -@)", name)
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
