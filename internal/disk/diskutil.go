// SPDX-License-Identifier: MPL-2.0

package disk

import (
	"fmt"
	"slices"
	"strings"

	"howett.net/plist"
)

// diskutilList is what `diskutil list -plist` says (macOS, diskutil(8)): whole disks, with partitions and APFS volumes. A
// container of APFS volumes is a disk of its own, made of partitions of others.
type diskutilList struct {
	Disks []diskutilDisk `plist:"AllDisksAndPartitions"`
}

type diskutilDisk struct {
	ID    string `plist:"DeviceIdentifier"`
	Kind  string `plist:"Content"`
	Mount string `plist:"MountPoint"`
	Name  string `plist:"VolumeName"`

	Partitions []diskutilPart
	Volumes    []diskutilPart `plist:"APFSVolumes"`
	Stores     []diskutilPart `plist:"APFSPhysicalStores"`
}

type diskutilPart struct {
	ID    string `plist:"DeviceIdentifier"`
	Kind  string `plist:"Content"`
	Mount string `plist:"MountPoint"`
	Name  string `plist:"VolumeName"`
}

// diskutilInfo is what `diskutil info -plist` says of a disk. Size is in bytes.
type diskutilInfo struct {
	Size       int64
	SectorSize int    `plist:"DeviceBlockSize"`
	Model      string `plist:"MediaName"`
	Transport  string `plist:"BusProtocol"`
	Removable  bool   `plist:"RemovableMediaOrExternalDevice"`
	Writable   bool   `plist:"WritableMedia"`
	Virtual    string `plist:"VirtualOrPhysical"`
}

func parseList(b []byte) (diskutilList, error) {
	var l diskutilList

	if _, err := plist.Unmarshal(b, &l); err != nil {
		return l, fmt.Errorf("diskutil list: %w", err)
	}

	return l, nil
}

// whole is a disk as a part of itself: a file system may be on it without partitions.
func (d diskutilDisk) whole() diskutilPart { return diskutilPart{d.ID, d.Kind, d.Mount, d.Name} }

// target fills in what diskutil says of a disk.
func (i diskutilInfo) target(t *Target) {
	t.Size, t.SectorSize, t.Model, t.Transport = i.Size, i.SectorSize, i.Model, i.Transport
	t.Removable, t.ReadOnly = i.Removable, !i.Writable
}

// uses are where a disk ("disk4") is mounted, its APFS containers' volumes included.
func (l diskutilList) uses(name string) []Use {
	var list []Use

	add := func(by string, parts ...diskutilPart) {
		for _, p := range parts {
			if p.Mount != "" {
				list = append(list, Use{By: "/dev/" + by, Mount: p.Mount, System: isMacSystem(p.Mount)})
			}
		}
	}

	for _, d := range l.Disks {
		if d.ID == name {
			for _, p := range append(d.Partitions, d.whole()) {
				add(p.ID, p)
			}

			add(name, d.Volumes...)
		}

		for _, s := range d.Stores {
			if s.ID == name || strings.HasPrefix(s.ID, name+"s") {
				add(s.ID, d.Volumes...)
				add(s.ID, d.whole())
			}
		}
	}

	return list
}

// content is what a disk's partitions are called.
func (l diskutilList) content(name string) []string {
	var list []string

	for _, d := range l.Disks {
		if d.ID != name {
			continue
		}

		for _, p := range append([]diskutilPart{d.whole()}, d.Partitions...) {
			if text := strings.TrimSpace(p.Name + " " + p.Kind); text != "" {
				list = append(list, text)
			}
		}
	}

	return list
}

// isMacSystem says whether macOS runs from what is mounted at a place.
func isMacSystem(mount string) bool {
	return mount == "/" || slices.ContainsFunc([]string{"/System", "/private", "/Users", "/nix"}, func(m string) bool {
		return mount == m || strings.HasPrefix(mount, m+"/")
	})
}
