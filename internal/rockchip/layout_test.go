// SPDX-License-Identifier: MPL-2.0

package rockchip_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"talos-nanopi-m6/internal/rockchip"
)

// The installer's second FIT is worth nothing where SPL does not look for it.
func TestSPLLooksForTheSecondFITWhereItIsWritten(t *testing.T) {
	config, err := os.ReadFile("../../nix/boot/u-boot/nanopi-m6-rk3588s_defconfig")
	if err != nil {
		t.Fatal(err)
	}

	for _, layout := range []rockchip.Layout{rockchip.MMC, rockchip.SPI} {
		if want := fmt.Sprintf("\nCONFIG_SPL_BACKUP_PAYLOAD_OFFS=%#x\n", layout.BackupFIT); !strings.Contains(string(config), want) {
			t.Errorf("the board's U-Boot configuration lacks %q", strings.TrimSpace(want))
		}
	}
}
