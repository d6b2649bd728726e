// SPDX-License-Identifier: MPL-2.0

// Package inspect reads disk images, block devices and the artifacts they are made of, and reports what is there. It
// judges nothing: package verify does.
package inspect

import (
	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect/gpt"
	"talos-nanopi-m6/internal/inspect/kernel"
	"talos-nanopi-m6/internal/inspect/loader"
)

// Kind is what was inspected.
type Kind string

// Kinds of things that are understood.
const (
	KindDisk       Kind = "disk image"
	KindDevice     Kind = "block device"
	KindLoader     Kind = "boot loader for SD card and eMMC"
	KindSPILoader  Kind = "boot loader for SPI flash"
	KindIDBlock    Kind = "idbloader"
	KindFIT        Kind = "FIT image"
	KindDeviceTree Kind = "device tree"
	KindKernel     Kind = "kernel"
	KindOverlay    Kind = "overlay"
	KindUnknown    Kind = "unknown"
)

// Report is what was found. Parts that are not there are nil.
type Report struct {
	Source string       `json:"source"`
	Kind   Kind         `json:"kind"`
	Format image.Format `json:"format,omitempty"`
	// FileSize and Size are in bytes; Size is that of the decoded disk.
	FileSize int64 `json:"fileSize,omitempty"`
	Size     int64 `json:"size,omitempty"`

	Loader     *loader.Loader `json:"loader,omitempty"`
	GPT        *gpt.Table     `json:"gpt,omitempty"`
	EFI        *EFI           `json:"efi,omitempty"`
	Boot       *Boot          `json:"boot,omitempty"`
	Kernel     *kernel.Image  `json:"kernel,omitempty"`
	DeviceTree *DeviceTree    `json:"deviceTree,omitempty"`
	Overlay    *Overlay       `json:"overlay,omitempty"`

	// Regions are the disk's parts in order, gaps included.
	Regions []Region `json:"regions,omitempty"`
	// Problems say what could not be read and why.
	Problems []string `json:"problems,omitempty"`
}

// problem notes an error and goes on.
func (r *Report) problem(err error) {
	if err != nil {
		r.Problems = append(r.Problems, err.Error())
	}
}

// Region is a part of the disk. Offset and Size are in bytes.
type Region struct {
	Name   string     `json:"name"`
	Kind   RegionKind `json:"kind"`
	Offset int64      `json:"offset"`
	Size   int64      `json:"size"`
}

// End is the first byte after the region.
func (r Region) End() int64 { return r.Offset + r.Size }

// RegionKind says what a region is for.
type RegionKind string

// Kinds of regions.
const (
	RegionTable     RegionKind = "table"
	RegionLoader    RegionKind = "loader"
	RegionPartition RegionKind = "partition"
	RegionGap       RegionKind = "gap"
)
