// SPDX-License-Identifier: MPL-2.0

// Package rockchip reads and verifies what the RK3588's mask ROM and U-Boot's SPL start from a boot medium: the idblock
// (header, DDR blob, SPL) and the FIT image behind it (BL31, U-Boot, device trees), which U-Boot's build joins in one
// file, u-boot-rockchip.bin.
package rockchip

import "talos-nanopi-m6/internal/board"

// SectorSize is the unit of Rockchip's headers in bytes, whatever the medium's own sector size.
const SectorSize = 512

// Layout says where mask ROM and SPL look on a medium. All offsets and sizes are in bytes.
//
// The mask ROM looks for an idblock at IDBlock and, where it finds none that is whole, at the places that follow, Stride
// apart, Copies in all. Sources: the reverse-engineered mask ROM of the RK3576, which is of the same generation and
// speaks the same header (flipperdevices/flipperone-docs, docs/resources/rockchip/RK3576-Boot-ROM.md: 5 copies on
// SD and eMMC, 16 on SPI flash, every 512 KiB from sector 64, and a failed digest leads to the next), and a program that
// keeps four such copies up to date on RK3588 devices with eMMC (Matthew Madison's rk-bootloader-update).
//
// SPL looks for the FIT at FIT only; ours goes on to BackupFIT (patches/u-boot).
type Layout struct {
	// Medium is what people call it.
	Medium string
	// File is the name of U-Boot's image for the medium, FileStart the place on the medium its first byte belongs to.
	File      string
	FileStart int64

	IDBlock, Stride int64
	Copies          int

	FIT, BackupFIT int64
}

// IDBlocks are all places where the mask ROM looks for an idblock, in its order, in bytes.
func (l Layout) IDBlocks() []int64 {
	var list []int64
	for n := range int64(l.Copies) {
		list = append(list, l.IDBlock+n*l.Stride)
	}

	return list
}

// FITs are all places where SPL looks for a FIT, in its order, in bytes.
func (l Layout) FITs() []int64 {
	if l.BackupFIT == 0 {
		return []int64{l.FIT}
	}

	return []int64{l.FIT, l.BackupFIT}
}

// MMC is the layout of SD cards and of an eMMC's user area.
//
// Source: U-Boot v2025.01, doc/board/rockchip/rockchip.rst (the file starts at sector 64) and arch/arm/dts/
// rockchip-u-boot.dtsi (binman places the FIT CONFIG_SPL_PAD_TO bytes behind it, 0x7f8000 for the RK3588, which is
// sector 16384, where CONFIG_SYS_MMCSD_RAW_MODE_U_BOOT_SECTOR makes SPL look).
var MMC = Layout(board.MMC)

// SPI is the layout of SPI NOR flash.
//
// Source: U-Boot v2025.01, arch/arm/dts/rk3588s-u-boot.dtsi (the file starts at the flash's start, the idblock at 0x8000,
// in the same format as on SD cards) and CONFIG_SYS_SPI_U_BOOT_OFFS in this project's configuration.
var SPI = Layout(board.SPI)

// BackupIDBlock finds the place for a second idblock: the first one that neither an idblock of idblock bytes nor a FIT of
// fit bytes at their own places reaches, and where one of idblock bytes does not reach the second FIT. It says false where
// there is none.
func (l Layout) BackupIDBlock(idblock, fit int64) (int64, bool) {
	for _, start := range l.IDBlocks() {
		clear := func(from, size int64) bool { return start >= from+size || start+idblock <= from }

		if clear(l.IDBlock, idblock) && clear(l.FIT, fit) && clear(l.BackupFIT, fit) {
			return start, true
		}
	}

	return 0, false
}
