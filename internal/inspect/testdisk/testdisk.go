// SPDX-License-Identifier: MPL-2.0

// Package testdisk makes disk images for tests: small, but with every part that a Talos image for the board has, in the
// places where the imager puts them.
package testdisk

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"sync"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/fat32"
	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
	"github.com/siderolabs/go-blockdevice/v2/partitioning/gpt"
	"github.com/u-root/u-root/pkg/dt"

	"talos-nanopi-m6/internal/fdt"
	"talos-nanopi-m6/internal/rockchip"
	"talos-nanopi-m6/internal/rockchip/rockchiptest"
)

// bootXFS is a BOOT partition as the imager makes it, in small; boot.py says what is on it.
//
//go:embed boot.xfs.zst
var bootXFS []byte

// Release is the kernel's and the modules' on the disk, Version Talos'.
const (
	Release = "6.12.117-nanopi"
	Version = "v1.10.6"
)

// Sizes in bytes.
const (
	Size     = 420 << 20
	efiSize  = 100 << 20
	bootSize = 300 << 20
)

// partitionOffset is the overlay's, in sectors of 512 bytes.
const partitionOffset = 20480

// Spec says how a disk differs from the usual one.
type Spec struct {
	// Loader is what U-Boot's image is made of; the zero value is rockchiptest.Small.
	Loader rockchiptest.Spec
	// Compatible is what the device tree is for: the board.
	Compatible []string
	// NoLoader, NoDeviceTree and NoEFILoader leave a part out, NoFiles both file systems.
	NoLoader, NoDeviceTree, NoEFILoader, NoFiles bool
	// Size is the disk's, in bytes.
	Size int64
	// Small makes every partition 1 MiB, which takes NoFiles.
	Small bool
}

// DeviceTree is the path of the device tree on the EFI partition.
const DeviceTree = "dtb/rockchip/rk3588s-nanopi-m6.dtb"

// Compatible is what the board's device tree says.
var Compatible = []string{"friendlyelec,nanopi-m6", "rockchip,rk3588s"}

// Write makes a disk image at a path that does not exist.
func (s Spec) Write(name string) (err error) {
	if s.Loader == (rockchiptest.Spec{}) {
		s.Loader = rockchiptest.Small
	}

	if s.Compatible == nil {
		s.Compatible = Compatible
	}

	if s.Size == 0 {
		s.Size = Size
	}

	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}

	defer func() { err = errors.Join(err, f.Close()) }()

	if err := f.Truncate(s.Size); err != nil {
		return err
	}

	parts, err := partition(f, s.Small)
	if err != nil {
		return err
	}

	if !s.NoLoader {
		if _, err := f.WriteAt(s.Loader.Image(rockchip.MMC), rockchip.MMC.FileStart); err != nil {
			return err
		}
	}

	if s.NoFiles {
		return nil
	}

	if err := s.efi(f, parts[0]); err != nil {
		return fmt.Errorf("EFI partition: %w", err)
	}

	return boot(f, parts[2])
}

// partition writes the table and gives the partitions' places in bytes.
func partition(f *os.File, small bool) ([]int64, error) {
	dev, err := gpt.DeviceFromFile(f)
	if err != nil {
		return nil, err
	}

	table, err := gpt.New(hasty{dev}, gpt.WithSkipLBAs(partitionOffset), gpt.WithDiskGUID(uuid.MustParse("63636363-1111-4222-8333-444444444444")))
	if err != nil {
		return nil, err
	}

	var places []int64

	for n, p := range []struct {
		name, kind string
		size       uint64
	}{
		{"EFI", "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", efiSize},
		{"BIOS", "21686148-6449-6E6F-744E-656564454649", 1 << 20},
		{"BOOT", "0FC63DAF-8483-4772-8E79-3D69D8477DE4", bootSize},
		{"META", "0FC63DAF-8483-4772-8E79-3D69D8477DE4", 1 << 20},
	} {
		if small {
			p.size = 1 << 20
		}

		id := uuid.UUID{0x70, byte(n), 2, 3, 4, 5, 0x46, 7, 0x88, 9, 10, 11, 12, 13, 14, 15}

		_, made, err := table.AllocatePartition(p.size, p.name, uuid.MustParse(p.kind), gpt.WithUniqueGUID(id))
		if err != nil {
			return nil, err
		}

		places = append(places, int64(made.FirstLBA)*512)
	}

	return places, table.Write()
}

// hasty is a device that no one will miss after a power cut.
type hasty struct{ gpt.Device }

func (hasty) Sync() error { return nil }

// efi fills the EFI partition.
func (s Spec) efi(f *os.File, at int64) error {
	fs, err := fat32.Create(file.New(f, false), efiSize, at, 512, "EFI", true)
	if err != nil {
		return err
	}

	files := map[string][]byte{}

	if !s.NoEFILoader {
		files["EFI/BOOT/BOOTAA64.EFI"] = program()
	}

	if !s.NoDeviceTree {
		if files[DeviceTree], err = Tree(s.Compatible...); err != nil {
			return err
		}
	}

	for _, p := range []string{"EFI/BOOT/BOOTAA64.EFI", DeviceTree} { // in an order of its own a map has not
		content, ok := files[p]
		if !ok {
			continue
		}

		if err := fs.Mkdir(path.Dir(p)); err != nil {
			return err
		}

		o, err := fs.OpenFile(p, os.O_CREATE|os.O_RDWR)
		if err != nil {
			return err
		}

		if _, err := o.Write(content); err != nil {
			return err
		}
	}

	return nil
}

// Tree is a device tree of a board.
func Tree(compatible ...string) ([]byte, error) {
	var names bytes.Buffer
	for _, c := range compatible {
		names.WriteString(c + "\x00")
	}

	return fdt.Write(&dt.FDT{Header: dt.Header{Magic: 0xd00dfeed, Version: 17, LastCompVersion: 16}, RootNode: &dt.Node{
		Properties: []dt.Property{
			{Name: "compatible", Value: names.Bytes()},
			{Name: "model", Value: []byte("FriendlyElec NanoPi M6\x00")},
		},
		Children: []*dt.Node{{
			Name:       "chosen",
			Properties: []dt.Property{{Name: "stdout-path", Value: []byte("serial2:1500000n8\x00")}},
		}},
	}})
}

// program is an EFI program for arm64 that does nothing: headers only.
func program() []byte {
	b := make([]byte, 4096)
	le := binary.LittleEndian

	copy(b, "MZ")
	le.PutUint32(b[60:], 64)
	copy(b[64:], "PE\x00\x00")
	le.PutUint16(b[68:], 0xaa64)
	le.PutUint16(b[84:], 112)
	le.PutUint16(b[86:], 0x206)
	le.PutUint16(b[88:], 0x20b)

	return b
}

// boot writes the BOOT partition, leaving out what is zero.
func boot(f *os.File, at int64) error {
	blocks, err := bootBlocks()
	if err != nil {
		return err
	}

	for _, b := range blocks {
		if _, err := f.WriteAt(b.data, at+b.offset); err != nil {
			return err
		}
	}

	return nil
}

// block is a part of a file system that is not all zeros.
type block struct {
	offset int64
	data   []byte
}

// bootBlocks unpacks the BOOT partition once.
var bootBlocks = sync.OnceValues(func() ([]block, error) {
	z, err := zstd.NewReader(bytes.NewReader(bootXFS))
	if err != nil {
		return nil, err
	}
	defer z.Close()

	var (
		list []block
		b    = make([]byte, 1<<20)
		zero = make([]byte, 4096)
	)

	for off := int64(0); off < bootSize; off += int64(len(b)) {
		if _, err := io.ReadFull(z, b); err != nil {
			return nil, err
		}

		for k := 0; k < len(b); k += len(zero) {
			if data := b[k : k+len(zero)]; !bytes.Equal(data, zero) {
				list = append(list, block{off + int64(k), bytes.Clone(data)})
			}
		}
	}

	return list, nil
})
