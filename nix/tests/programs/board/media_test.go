// SPDX-License-Identifier: MPL-2.0

//go:build qemu

package board_test

import (
	"strings"
	"testing"
)

// Flash and eMMC share six pins. SPL turns the one on that the board started from, which counts for U-Boot, and for the
// kernel (nix/tests/programs/boot-flow).
func TestOfFlashAndEMMCTheOneIsOnThatTheBoardStartedFrom(t *testing.T) {
	for _, tt := range []struct {
		kind        mediumKind
		flash, emmc string
	}{
		{sd, `"disabled"`, `"okay"`},
		{emmc, `"disabled"`, `"okay"`},
		{nor, `"okay"`, `"disabled"`},
	} {
		t.Run(tt.kind.name, func(t *testing.T) {
			t.Parallel()

			board := start(t, "", tt.kind.drive(tt.kind.written(t))...)
			board.Prompt()
			board.Ask("fdt addr ${fdtcontroladdr}")

			for node, want := range map[string]string{"/spi@fe2b0000": tt.flash, "/mmc@fe2e0000": tt.emmc} {
				if said := board.Ask("fdt print " + node + " status"); !strings.Contains(said, want) {
					t.Errorf("%s: got %q, want %s", node, said, want)
				}
			}
		})
	}
}
