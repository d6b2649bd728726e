// SPDX-License-Identifier: MPL-2.0

package disk

import (
	"slices"
	"strings"
	"testing"

	"howett.net/plist"
)

// What diskutil(8) says, written down from its documentation; nobody ran it for this.
const (
	gib     = 1 << 30
	macList = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>AllDisks</key><array><string>disk0</string><string>disk4</string></array>
<key>AllDisksAndPartitions</key><array>
<dict><key>Content</key><string>GUID_partition_scheme</string><key>DeviceIdentifier</key><string>disk0</string>
 <key>Partitions</key><array>
 <dict><key>Content</key><string>Apple_APFS</string><key>DeviceIdentifier</key><string>disk0s2</string></dict></array>
 <key>Size</key><integer>500107862016</integer></dict>
<dict><key>APFSPhysicalStores</key><array><dict><key>DeviceIdentifier</key><string>disk0s2</string></dict></array>
 <key>APFSVolumes</key><array>
 <dict><key>DeviceIdentifier</key><string>disk3s1</string><key>MountPoint</key><string>/</string><key>VolumeName</key><string>Macintosh HD</string></dict>
 <dict><key>DeviceIdentifier</key><string>disk3s5</string><key>MountPoint</key><string>/System/Volumes/Data</string></dict></array>
 <key>DeviceIdentifier</key><string>disk3</string></dict>
<dict><key>Content</key><string>FDisk_partition_scheme</string><key>DeviceIdentifier</key><string>disk4</string>
 <key>Partitions</key><array>
 <dict><key>Content</key><string>Windows_FAT_32</string><key>DeviceIdentifier</key><string>disk4s1</string>
  <key>MountPoint</key><string>/Volumes/PHOTOS</string><key>VolumeName</key><string>PHOTOS</string></dict></array></dict>
</array></dict></plist>`
	macInfo = `<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>BusProtocol</key><string>USB</string><key>DeviceBlockSize</key><integer>512</integer>
<key>DeviceIdentifier</key><string>disk4</string><key>MediaName</key><string>Card Reader</string>
<key>RemovableMediaOrExternalDevice</key><true/><key>Size</key><integer>31914983424</integer>
<key>VirtualOrPhysical</key><string>Physical</string><key>WritableMedia</key><true/></dict></plist>`
)

func TestAMacsDisksAreKnown(t *testing.T) {
	l, err := parseList([]byte(macList))
	if err != nil {
		t.Fatal(err)
	}

	own := Target{Path: "/dev/disk0", Size: gib, SectorSize: 512, Known: true, Uses: l.uses("disk0")}
	if err := own.Refuse(0, true); err == nil || !strings.Contains(err.Error(), "this machine runs from it: /dev/disk0s2 is mounted at /") {
		t.Errorf("the disk that macOS runs from, through an APFS container: got %v, want %q", err, "this machine runs from it: /dev/disk0s2 is mounted at /")
	}

	card := Target{Path: "/dev/disk4", Size: gib, SectorSize: 512, Known: true, Uses: l.uses("disk4")}
	if err := card.Refuse(0, true); err == nil || !strings.Contains(err.Error(), "/dev/disk4s1 is mounted at /Volumes/PHOTOS: unmount it") {
		t.Errorf("a mounted card: got %v, want %q", err, "/dev/disk4s1 is mounted at /Volumes/PHOTOS: unmount it")
	}

	if got, want := l.content("disk4"), []string{"FDisk_partition_scheme", "PHOTOS Windows_FAT_32"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}

	var i diskutilInfo
	if _, err := plist.Unmarshal([]byte(macInfo), &i); err != nil {
		t.Fatal(err)
	}

	got := Target{Path: "/dev/disk4"}
	i.target(&got)

	if !got.Removable || got.ReadOnly || got.Size != 31914983424 || got.SectorSize != 512 || got.Model != "Card Reader" || got.Transport != "USB" {
		t.Errorf("got %+v, want a removable USB card reader of 31914983424 bytes", got)
	}
}
