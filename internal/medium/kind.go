// SPDX-License-Identifier: MPL-2.0

package medium

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Kind is what a disk is to the mask ROM.
type Kind string

// Kinds of disks. The mask ROM starts from SD and eMMC only.
const (
	KindImage Kind = "image file"
	KindSD    Kind = "SD card"
	KindEMMC  Kind = "eMMC"
	KindNVMe  Kind = "NVMe disk"
	KindLoop  Kind = "loop device"
	KindOther Kind = "disk"
)

// mmcUserArea is a card's own disk: mmcblk0, not mmcblk0boot0 or mmcblk0rpmb (drivers/mmc/core/block.c).
var mmcUserArea = regexp.MustCompile(`^mmcblk[0-9]+$`)

// sysBlock is where the kernel describes block devices.
const sysBlock = "/sys/class/block"

// kindFromSysfs tells the kind from the disk's name and what the kernel says of it: an MMC card's device/type is "SD" or
// "MMC" (drivers/mmc/core/bus.c, type_show).
func kindFromSysfs(root, name string) Kind {
	switch {
	case strings.HasPrefix(name, "nvme"):
		return KindNVMe
	case strings.HasPrefix(name, "loop"):
		return KindLoop
	case mmcUserArea.MatchString(name):
		kind, err := os.ReadFile(filepath.Join(root, name, "device/type"))

		switch {
		case err == nil && strings.TrimSpace(string(kind)) == "SD":
			return KindSD
		case err == nil && strings.TrimSpace(string(kind)) == "MMC":
			return KindEMMC
		}
	}

	return KindOther
}
