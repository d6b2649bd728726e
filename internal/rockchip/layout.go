// SPDX-License-Identifier: MPL-2.0

// Package rockchip reads and verifies what the RK3588's mask ROM and U-Boot's SPL start from a boot medium: the idblock
// (header, DDR blob, SPL) and the FIT image behind it (BL31, U-Boot, device trees), which U-Boot's build joins in one
// file, u-boot-rockchip.bin.
package rockchip

// The boot medium's layout. Sectors have 512 bytes whatever the medium's own sector size.
//
// Source: U-Boot v2025.01, doc/board/rockchip/rockchip.rst (u-boot-rockchip.bin is written at sector 64) and
// arch/arm/dts/rockchip-u-boot.dtsi (binman places the FIT CONFIG_SPL_PAD_TO bytes behind the file's start, which is
// 0x7f8000 for the RK3588: sector 16384 of the medium, CONFIG_SYS_MMCSD_RAW_MODE_U_BOOT_SECTOR).
const (
	// SectorSize is the unit of Rockchip's headers, in bytes.
	SectorSize = 512
	// LoaderOffset is where u-boot-rockchip.bin starts on an SD card or an eMMC, in bytes.
	LoaderOffset = 64 * SectorSize
	// FITOffset is where SPL reads the FIT on an SD card or an eMMC, in bytes.
	FITOffset = 16384 * SectorSize
	// FITInFile is where the FIT starts in u-boot-rockchip.bin, in bytes.
	FITInFile = FITOffset - LoaderOffset
)
