// SPDX-License-Identifier: MPL-2.0

//go:build dtb

package devicetree_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"talos-nanopi-m6/internal/fdt"
	devicetree "talos-nanopi-m6/nix/tests/programs/device-tree"
)

// What holds of the NanoPi M6's trees and of no other board's: another board has its own tests in this file's place.

// The nodes of the facts, by the addresses of the RK3588's technical reference manual.
const (
	sdhci = "/mmc@fe2e0000"
	sdmmc = "/mmc@fe2c0000"
)

func TestLineNamesStandOnTheLinesInUse(t *testing.T) {
	names := map[string]map[int]string{
		"gpio0": {4: "SD_DET_L", 7: "PMIC_INT_L", 8: "RTC_INT_L"},
		"gpio1": {4: "SYS_LED", 6: "USER_LED", 7: "M2E_PERST_L"},
		"gpio3": {15: "PHY_RST_L", 22: "M2M_PWREN", 25: "M2M_PERST_L", 28: "USB_OTG0_PWREN"},
		"gpio4": {5: "M2M_PRSNT", 12: "SD_PWREN", 13: "USB_HOST_PWREN"},
	}
	onV2 := map[string]map[int]string{"gpio0": {27: "USER_KEY_L"}}

	bare(t, func(t *testing.T, tree *devicetree.Tree) {
		for alias, want := range names {
			want = maps.Clone(want)
			if strings.HasSuffix(t.Name(), "v2.dtb") {
				maps.Copy(want, onV2[alias])
			}

			bank := fdt.Lookup(tree.Root.Node, alias)
			if bank == nil {
				t.Fatalf("got no %s, want one", alias)
			}

			got := fdt.Strings(bank, "gpio-line-names")
			if len(got) != 32 {
				t.Errorf("%s names %d lines, want 32", alias, len(got))

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

// The flash has the eMMC's pins.
func TestNeverFlashAndEMMCTogether(t *testing.T) {
	both := func(t *testing.T, tree *devicetree.Tree, want string) {
		flash, emmc := node(t, tree, "/spi@fe2b0000").Okay(), node(t, tree, sdhci).Okay()
		if got := map[[2]bool]string{{true, false}: "flash", {false, true}: "eMMC"}[[2]bool{flash, emmc}]; got != want {
			t.Errorf("flash on: %v, eMMC on: %v, want the %s alone", flash, emmc, want)
		}
	}

	linux(t, func(t *testing.T, tree *devicetree.Tree) {
		want := "eMMC"
		if strings.HasSuffix(t.Name(), "-spi-nor.dtbo") {
			want = "flash"
		}

		both(t, tree, want)
	})

	// SPL turns them round where it started from the flash (patches/u-boot, board/friendlyelec/nanopi-m6-rk3588s).
	for _, name := range files(t, "BOARD_UBOOT_DTB") {
		both(t, open(t, name), "eMMC")
	}
}

func TestSPLFindsWhatItNeeds(t *testing.T) {
	for _, name := range files(t, "BOARD_UBOOT_DTB") {
		tree := open(t, name)

		if got := fdt.Strings(node(t, tree, "/chosen").Node, "u-boot,spl-boot-order"); !slices.Equal(got, []string{"same-as-spl", sdmmc, sdhci}) {
			t.Errorf("SPL's order: got %q, want same-as-spl, %s, %s", got, sdmmc, sdhci)
		}

		for _, path := range []string{
			"/leds", "/leds/led-0", "/pinctrl/gpio@fec20000", "/pinctrl/leds/sys-led-pin",
			"/spi@fe2b0000/flash@0", "/pinctrl/fspi/fspim0-pins", sdhci, sdmmc,
		} {
			if !node(t, tree, path).Has("bootph-pre-ram") {
				t.Errorf("%s: got no bootph-pre-ram, want it in SPL's tree", path)
			}
		}
	}
}

func TestEachOverlayIsThere(t *testing.T) {
	want := []string{"display", "gpu", "sd-uhs", "spi-nor", "uart6"}

	for _, name := range files(t, "BOARD_DTB") {
		var got []string

		for _, overlay := range overlays(t, name) {
			got = append(got, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(overlay), "rk3588s-nanopi-m6-"), ".dtbo"))
		}

		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("beside %s: got overlays %q, want %q", name, got, want)
		}
	}
}

// The overlay is for boards that start from elsewhere.
func TestCardGetsItsSpeedByOverlayAlone(t *testing.T) {
	linux(t, func(t *testing.T, tree *devicetree.Tree) {
		want := strings.HasSuffix(t.Name(), "-sd-uhs.dtbo")
		if got := node(t, tree, sdmmc).Has("sd-uhs-sdr104"); got != want {
			t.Errorf("the card goes to 1.8 V: %v, want %v", got, want)
		}
	})
}

// gpio4 PB6 enables the socket; without it no screen is seen. (The overlay applies where the kernel knows HDMI.)
func TestHDMIIsEnabledByItsOverlay(t *testing.T) {
	seen := false

	linux(t, func(t *testing.T, tree *devicetree.Tree) {
		hog, err := tree.Node("/pinctrl/gpio@fec50000/hdmi-tx-on-hog")

		want := strings.HasSuffix(t.Name(), "-display.dtbo")
		if got := err == nil; got != want {
			t.Fatalf("gpio4 has HDMI's hog: %v, want %v", got, want)
		}

		if !want {
			return
		}

		seen = true

		const pb6, activeHigh = 1*8 + 6, 0
		if got, want := hog.Cells("gpios"), []uint32{pb6, activeHigh}; !slices.Equal(got, want) {
			t.Errorf("got the hog on %v, want it on %v", got, want)
		}

		if !hog.Has("gpio-hog") || !hog.Has("output-high") {
			t.Error("got a hog that does not drive the pin high")
		}

		if !node(t, tree, "/hdmi@fde80000").Okay() {
			t.Error("got HDMI off, want it on")
		}
	})

	if !seen {
		t.Error("got no tree that takes HDMI's overlay, want the newest kernel's")
	}
}

// On a node that has no firmware for it the driver would only fail.
func TestGPUIsOnByOverlayAlone(t *testing.T) {
	linux(t, func(t *testing.T, tree *devicetree.Tree) {
		gpu := node(t, tree, "/gpu@fb000000")

		want := strings.HasSuffix(t.Name(), "-gpu.dtbo")
		if got := gpu.Okay(); got != want {
			t.Errorf("the GPU is on: %v, want %v", got, want)
		}

		if got := gpu.Has("mali-supply"); got != want {
			t.Errorf("the GPU names its supply: %v, want %v", got, want)
		}
	})
}
