// SPDX-License-Identifier: MPL-2.0

//go:build qemu

package board_test

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/rockchip"
)

// vendorSays is all that the vendor's loader of these tests does, for ever.
const vendorSays = "U-Boot 2017.09, which knows no EFI"

// An old loader in the flash or on the eMMC hides the card, and docs/board.md ("An old loader in flash or eMMC") says what to do.
func TestAVendorsLoaderHidesTheCardUntilItIsGone(t *testing.T) {
	for _, tt := range []struct {
		name string
		kind mediumKind
		// help is done to what holds the vendor's loader; without it that stays hidden.
		help   func(*testing.T, *os.File)
		starts mediumKind
	}{
		{"on the eMMC", emmc, nil, emmc},
		{"in the flash", nor, nil, nor},
		{"erased from a Linux on the eMMC", emmc, eraseAsWithDD, sd},
		{"ours from MaskROM over it on the eMMC", emmc, writeLoader, emmc},
		{"erased from MaskROM in the flash", nor, eraseFlash, sd},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			file := tt.kind.blank(t)
			for _, at := range layoutOf(tt.kind).IDBlocks() {
				if _, err := file.WriteAt(vendorsIDBlock(), at); err != nil {
					t.Fatal(err)
				}
			}

			if tt.help != nil {
				tt.help(t, file)
			}

			board := start(t, "", append(tt.kind.drive(file), sd.drive(sd.written(t))...)...)
			board.Until("mask ROM: starts from " + romName[tt.starts.name])

			if tt.help == nil {
				board.Until(vendorSays)

				return
			}

			board.Until(reached)

			if strings.Contains(board.Said(), vendorSays) {
				t.Errorf("got %q from the vendor's loader, want nothing of it", vendorSays)
			}
		})
	}
}

// The module out is the card alone (TestStartsFromEachMedium); the button gets past whatever is on it.
func TestTheMaskROMButtonGetsPastAVendorsLoader(t *testing.T) {
	t.Parallel()

	file := emmc.blank(t)
	if _, err := file.WriteAt(vendorsIDBlock(), rockchip.MMC.IDBlock); err != nil {
		t.Fatal(err)
	}

	start(t, ",maskrom=on", emmc.drive(file)...).Until("mask ROM: button held: MaskROM mode")
}

// eraseAsWithDD is docs/board.md's `dd if=/dev/zero of=/dev/mmcblkX bs=512 seek=64 count=16320`.
func eraseAsWithDD(t *testing.T, file *os.File) {
	t.Helper()

	const block, seek, count = 512, 64, 16320

	if _, err := file.WriteAt(make([]byte, count*block), seek*block); err != nil {
		t.Fatal(err)
	}
}

// writeLoader is docs/board.md's `rkdeveloptool wl 64 u-boot-rockchip.bin`.
func writeLoader(t *testing.T, file *os.File) {
	t.Helper()

	if _, err := file.WriteAt(loaderFile(t, rockchip.MMC), 64*512); err != nil {
		t.Fatal(err)
	}
}

// eraseFlash is docs/board.md's `rkdeveloptool ef`.
func eraseFlash(t *testing.T, file *os.File) {
	t.Helper()

	erased := make([]byte, nor.size)
	for i := range erased {
		erased[i] = 0xff
	}

	if _, err := file.WriteAt(erased, 0); err != nil {
		t.Fatal(err)
	}
}

// vendorsIDBlock is what the mask ROM takes for a loader, correct in every hash: its SPL says vendorSays on UART2, and stays.
func vendorsIDBlock() []byte {
	code := []uint32{
		0x52bfd6a0, // mov  w0, #0xfeb50000 (UART2)
		0x10000121, // adr  x1, text
		// next:
		0x38401422, // ldrb w2, [x1], #1
		0x340000a2, // cbz  w2, end
		// full:
		0xb9401403, // ldr  w3, [x0, #0x14] (line status)
		0x362fffe3, // tbz  w3, #5, full
		0xb9000002, // str  w2, [x0]
		0x17fffffb, // b    next
		// end:
		0x14000000, // b    end
		0xd503201f, // nop
		// text:
	}

	var spl []byte
	for _, instruction := range code {
		spl = binary.LittleEndian.AppendUint32(spl, instruction)
	}

	return rockchiploader.IDBlock([]byte("a vendor's DDR blob"), append(spl, vendorSays+"\r\n\x00"...))
}
