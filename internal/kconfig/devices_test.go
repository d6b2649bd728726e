// SPDX-License-Identifier: MPL-2.0

package kconfig

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/u-root/u-root/pkg/dt"

	"talos-nanopi-m6/internal/fdt"
)

// source is a kernel source in small: what it builds when, and what matches which compatible string.
var source = map[string]string{
	"drivers/Makefile":         "obj-y += clk/\nobj-$(CONFIG_NET) += net/\nobj-$(CONFIG_MMC)\t+= mmc/\nobj-y += irqchip/\nobj-y += of/\nobj-y += tty/\n",
	"drivers/clk/Makefile":     "obj-$(CONFIG_COMMON_CLK) += clk-fixed-rate.o\nobj-$(CONFIG_ARCH_ROCKCHIP) += rockchip/\nobj-y += ti/\n",
	"drivers/clk/ti/Makefile":  "ifeq ($(CONFIG_ARCH_OMAP2PLUS), y)\nobj-y += clk.o\nendif\n",
	"drivers/clk/ti/clk.c":     "static const struct of_device_id t[] = { { .compatible = \"fixed-clock\" }, { } };\n",
	"drivers/mmc/Makefile":     "obj-y += host/\n",
	"drivers/irqchip/Makefile": "obj-$(CONFIG_GIC) += irq-gic.o\n",
	"drivers/tty/Makefile":     "obj-y += serial/8250/\n",
	"drivers/of/Makefile":      "obj-y += platform.o\n",
	"drivers/clk/clk-fixed-rate.c": `
CLK_OF_DECLARE(fixed_clk, "fixed-clock", of_fixed_clk_setup);
`,
	"drivers/clk/rockchip/Makefile":     "clk-rockchip-y += clk.o\nobj-$(CONFIG_CLK_RK3588) += clk-rk3588.o \\\n\trst-rk3588.o\n",
	"drivers/clk/rockchip/clk-rk3588.c": "CLK_OF_DECLARE_DRIVER(rk3588_cru, \"acme,cru\", rk3588_clk_init);\n",
	"drivers/net/Makefile":              "obj-$(CONFIG_MAC) += mac.o\nmac-y := main.o # and\nmac-$(CONFIG_MAC_FAST) += fast.o\n",
	"drivers/net/fast.c":                "\t{ .compatible =\n\t\t\"acme,mac-fast\", .data = &fast },\n",
	"drivers/net/main.c":                "\t{ .compatible = \"acme,mac\" },\n\tif (of_device_is_compatible(np, \"acme,other\"))\n",
	"drivers/mmc/host/Makefile":         "obj-$(CONFIG_MMC_A) += mmc-a.o\nobj-$(CONFIG_MMC_B) += mmc-b.o\n",
	"drivers/mmc/host/mmc-a.c":          "{ .compatible = \"acme,mmc\" },",
	"drivers/mmc/host/mmc-b.c":          "{ .compatible = \"acme,mmc\" },",
	"drivers/irqchip/irq-gic.c":         "IRQCHIP_MATCH(\"acme,gic\", init)\n",
	"drivers/tty/serial/Makefile":       "",
	"drivers/tty/serial/8250/Makefile":  "obj-$(CONFIG_UART) += uart.o\nobj-$(CONFIG_EARLY) += early.o\n",
	"drivers/tty/serial/8250/uart.c":    "{ .compatible = \"acme,uart\" },",
	"drivers/tty/serial/8250/early.c":   "OF_EARLYCON_DECLARE(uart, \"acme,lineless\", setup);\n",
	"drivers/of/platform.c":             "{ .compatible = \"acme,table\", },",
	"sound/Makefile":                    "",
	"arch/arm64/Makefile":               "",
	"kernel/Makefile":                   "",
}

func findDrivers(t *testing.T, compatibles ...string) map[string][]Driver {
	t.Helper()

	drivers, err := FindDrivers(write(t, source), compatibles)
	if err != nil {
		t.Fatal(err)
	}

	return drivers
}

func TestADriverNeedsTheSymbolsOfItsFileAndItsDirectories(t *testing.T) {
	for compatible, want := range map[string][]Driver{
		"acme,cru":      {{File: "drivers/clk/rockchip/clk-rk3588.c", Symbols: [][]string{{"ARCH_ROCKCHIP", "CLK_RK3588"}}}},
		"acme,mac":      {{File: "drivers/net/main.c", Symbols: [][]string{{"NET", "MAC"}}}},
		"acme,mac-fast": {{File: "drivers/net/fast.c", Symbols: [][]string{{"NET", "MAC", "MAC_FAST"}}}},
		"acme,gic":      {{File: "drivers/irqchip/irq-gic.c", Symbols: [][]string{{"GIC"}}}},
		"acme,uart":     {{File: "drivers/tty/serial/8250/uart.c", Symbols: [][]string{{"UART"}}}},
		"acme,mmc": {
			{File: "drivers/mmc/host/mmc-a.c", Symbols: [][]string{{"MMC", "MMC_A"}}},
			{File: "drivers/mmc/host/mmc-b.c", Symbols: [][]string{{"MMC", "MMC_B"}}},
		},
		"fixed-clock": {
			{File: "drivers/clk/clk-fixed-rate.c", Symbols: [][]string{{"COMMON_CLK"}}},
			{File: "drivers/clk/ti/clk.c", Symbols: [][]string{{"ARCH_OMAP2PLUS"}}},
		},
	} {
		if got := findDrivers(t, compatible)[compatible]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", compatible, got, want)
		}
	}
}

func TestWhatOnlyNamesAStringIsNoDriver(t *testing.T) {
	// A question in code, an early console, a table of what to skip, and a string nobody has.
	if got := findDrivers(t, "acme,other", "acme,lineless", "acme,table", "acme,none"); len(got) != 0 {
		t.Errorf("got %v, want no driver", got)
	}
}

func TestADriverIsThereOnlyWithAllItsSymbols(t *testing.T) {
	d := Driver{Symbols: [][]string{{"A", "B"}, {"C"}}}

	for _, c := range []struct {
		config           Config
		present, builtIn bool
	}{
		{Config{"A": "y"}, false, false},
		{Config{"A": "y", "B": "m"}, true, false},
		{Config{"A": "y", "B": "y"}, true, true},
		{Config{"C": "m"}, true, false},
		{Config{}, false, false},
	} {
		if present, builtIn := d.Enabled(c.config); present != c.present || builtIn != c.builtIn {
			t.Errorf("%v: got present %v, built in %v; want %v, %v", c.config, present, builtIn, c.present, c.builtIn)
		}
	}
}

func TestADirectoryThatIsNoKernelSourceIsSaidSo(t *testing.T) {
	if _, err := FindDrivers(t.TempDir(), []string{"acme,mac"}); err == nil || !strings.Contains(err.Error(), "not a kernel source") {
		t.Errorf("got %v, want %q", err, "not a kernel source")
	}
}

func node(name, compatible, status string, children ...*dt.Node) *dt.Node {
	n := &dt.Node{Name: name, Children: children}

	if compatible != "" {
		n.Properties = append(n.Properties, dt.Property{Name: "compatible", Value: []byte(strings.ReplaceAll(compatible, " ", "\x00") + "\x00")})
	}

	if status != "" {
		n.Properties = append(n.Properties, dt.Property{Name: "status", Value: []byte(status + "\x00")})
	}

	return n
}

func tree(t *testing.T, children ...*dt.Node) string {
	t.Helper()

	data, err := fdt.Write(&dt.FDT{Header: dt.Header{Magic: 0xd00dfeed, Version: 17, LastCompVersion: 16}, RootNode: node("", "acme,board", "", children...)})
	if err != nil {
		t.Fatal(err)
	}

	path := filepath.Join(t.TempDir(), "board.dtb")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}

	return path
}

func TestOnlyEnabledNodesAreAskedFor(t *testing.T) {
	nodes, err := ReadNodes(tree(t,
		node("bus", "", "", node("mac@1", "acme,mac-fast acme,mac", "okay"), node("mmc@2", "acme,mmc", "disabled", node("card", "acme,card", ""))),
		node("off", "", "disabled", node("uart@3", "acme,uart", "okay")),
	))
	if err != nil {
		t.Fatal(err)
	}

	want := []Node{{Path: "/bus/mac@1", Compatible: []string{"acme,mac-fast", "acme,mac"}}}
	if !reflect.DeepEqual(nodes, want) {
		t.Errorf("got %v, want %v", nodes, want)
	}
}

func TestATreeWithNothingToDriveIsNoSuccess(t *testing.T) {
	if nodes, err := ReadNodes(tree(t, node("off", "acme,mac", "disabled"))); err == nil {
		t.Errorf("accepted: %v: got no error, want one", nodes)
	}

	path := filepath.Join(write(t, map[string]string{"board.dtb": "not a tree"}), "board.dtb")
	if _, err := ReadNodes(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a file that is not a tree: got %v, want %q", err, path)
	}
}

// serve gives how a configuration of the source serves a tree's nodes.
func serve(t *testing.T, config Config, children ...*dt.Node) []Served {
	t.Helper()

	nodes, err := ReadNodes(tree(t, children...))
	if err != nil {
		t.Fatal(err)
	}

	served, err := Serve(config, write(t, source), nodes)
	if err != nil {
		t.Fatal(err)
	}

	return served
}

func checkDevices(t *testing.T, config Config, reasons string, children ...*dt.Node) []string {
	t.Helper()

	devices, err := ReadDevices(filepath.Join(write(t, map[string]string{"device-tree.yaml": reasons}), "device-tree.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	return CheckDevices(serve(t, config, children...), devices)
}

func TestANodeIsDrivenByAnyOfItsStrings(t *testing.T) {
	finds(t, checkDevices(t, Config{"NET": "y", "MAC": "m"}, "{}", node("mac@1", "acme,mac-fast acme,mac", "")))
}

func TestANodeWithoutDriverOrWithItsDriverOffNeedsAReason(t *testing.T) {
	nodes := []*dt.Node{node("mmc@1", "acme,mmc", ""), node("strange@2", "acme,strange", "")}

	finds(t, checkDevices(t, Config{"NET": "y"}, "{}", nodes...),
		"/mmc@1 (acme,mmc): its driver is off: set drivers/mmc/host/mmc-a.c (CONFIG_MMC and CONFIG_MMC_A); drivers/mmc/host/mmc-b.c",
		"/strange@2 (acme,strange): no driver in the source matches it")

	finds(t, checkDevices(t, Config{"NET": "y"}, `
no-driver: [{compatible: ["acme,strange"], why: strange}]
"off": [{compatible: ["acme,mmc"], why: not here}]
`, nodes...))
}

func TestAModuleDoesNotServeWhatBootNeeds(t *testing.T) {
	const reasons = `built-in: [{compatible: ["acme,mmc"], why: the root}]`

	finds(t, checkDevices(t, Config{"MMC": "y", "MMC_A": "m"}, reasons, node("mmc@1", "acme,mmc", "")),
		"/mmc@1 (acme,mmc): boot needs its driver built in")
	finds(t, checkDevices(t, Config{"MMC": "y", "MMC_A": "y"}, reasons, node("mmc@1", "acme,mmc", "")))
}

func TestAReasonThatExcusesNothingIsRefused(t *testing.T) {
	finds(t, checkDevices(t, Config{"MMC": "y", "MMC_A": "y"}, `
built-in: [{compatible: ["acme,gone"], why: the root}]
"off": [{compatible: ["acme,mmc"], why: not here}]
`, node("mmc@1", "acme,mmc", "")),
		"built-in has acme,gone, but nothing in the tree calls for that",
		"off has acme,mmc, but nothing in the tree calls for that")
}

func TestReasonsMustBeWhole(t *testing.T) {
	for _, text := range []string{
		`"off": [{compatible: ["acme,mmc"]}]`,
		`"off": [{why: because}]`,
		`of: [{compatible: ["acme,mmc"], why: because}]`,
	} {
		if _, err := ReadDevices(filepath.Join(write(t, map[string]string{"d.yaml": text}), "d.yaml")); err == nil {
			t.Errorf("%s: got no error, want one", text)
		}
	}
}

func TestOwnDeviceReasonsRead(t *testing.T) {
	devices, err := ReadDevices("../../nix/kernel/needs/device-tree.yaml")
	if err != nil {
		t.Fatal(err)
	}

	if len(devices.BuiltIn) == 0 || len(devices.NoDriver) == 0 || len(devices.Off) == 0 {
		t.Errorf("got %d, %d and %d entries, want no list empty", len(devices.BuiltIn), len(devices.NoDriver), len(devices.Off))
	}
}
