// SPDX-License-Identifier: MPL-2.0

package kconfig

import (
	"path/filepath"
	"testing"

	"github.com/u-root/u-root/pkg/dt"
)

// checkStock checks another kernel's configuration against a tree, with reasons of ours and lacks of theirs.
func checkStock(t *testing.T, config Config, lacks string, children ...*dt.Node) []string {
	t.Helper()

	dir := write(t, map[string]string{
		"lacks.yaml": lacks,
		"ours.yaml": `no-driver: [{compatible: ["acme,none"], why: its bus finds it}]
off: [{compatible: ["acme,mac"], why: not used}]`,
	})

	devices, err := ReadDevices(filepath.Join(dir, "ours.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	read, err := ReadLacks(filepath.Join(dir, "lacks.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	needs := readNeeds(t, "consumer: board\nneeds:\n  - {why: found by number, source: a file, built-in: [PHY], present: [DISK]}\n")

	return CheckStock(config, serve(t, config, children...), devices, needs, read)
}

func TestAModuleOfAStockKernelServes(t *testing.T) {
	finds(t, checkStock(t, Config{"MMC": "y", "MMC_A": "m", "PHY": "m", "DISK": "y"}, "{}", node("mmc", "acme,mmc", "")))
}

func TestWhatAStockKernelDoesNotDriveHasToBeListed(t *testing.T) {
	nothing := []*dt.Node{node("mmc", "acme,mmc", ""), node("mac", "acme,mac", ""), node("dma", "acme,none", "")}

	finds(t, checkStock(t, Config{"MMC": "y"}, "{}", nothing...),
		"/mmc (acme,mmc): no driver there", "CONFIG_PHY is off there (found by number)", "CONFIG_DISK is off there")
	finds(t, checkStock(t, Config{"MMC": "y"},
		`{devices: [{compatible: ["acme,mmc"], why: no card}], symbols: [{symbols: [PHY, DISK], why: neither}]}`, nothing...))
}

func TestALackThatIsNoneIsRefused(t *testing.T) {
	finds(t, checkStock(t, Config{"MMC": "y", "MMC_A": "y", "PHY": "y", "DISK": "y"},
		`{devices: [{compatible: ["acme,mmc"], why: no card}], symbols: [{symbols: [PHY, OTHER], why: neither}]}`, node("mmc", "acme,mmc", "")),
		"it has a driver for acme,mmc", "it has CONFIG_PHY", "it has CONFIG_OTHER, or nothing asks")
}

func TestLacksMustBeWhole(t *testing.T) {
	for _, text := range []string{
		"devices:\n  - {compatible: [a]}\n",
		"devices:\n  - {why: b}\n",
		"symbols:\n  - {symbols: [A]}\n",
		"symbol: []\n",
	} {
		if got, err := ReadLacks(filepath.Join(write(t, map[string]string{"lacks.yaml": text}), "lacks.yaml")); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
