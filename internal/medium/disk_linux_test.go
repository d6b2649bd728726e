// SPDX-License-Identifier: MPL-2.0

package medium

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/siderolabs/go-blockdevice/v2/partitioning/gpt"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/fixture/loopdevice"
	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/rockchip"
)

const fileSize = 32 << 20

func open(t *testing.T, path string) *Disk {
	t.Helper()

	disk, err := OpenDisk(path)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { disk.Close() }) // flushed

	return disk
}

// partition writes a GPT whose entries follow skip sectors, with partitions of a MiB each.
func partition(t testing.TB, file string, skip uint, sector uint, count int) {
	t.Helper()

	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}

	defer f.Close() // the table is synced

	device, err := gpt.DeviceFromFile(f, gpt.WithFileSectorSize(sector))
	if err != nil {
		t.Fatal(err)
	}

	table, err := gpt.New(device, gpt.WithSkipLBAs(skip))
	if err != nil {
		t.Fatal(err)
	}

	for range count {
		if _, _, err := table.AllocatePartition(1<<20, "EFI", uuid.MustParse("C12A7328-F81F-11D2-BA4B-00A0C93EC93B")); err != nil {
			t.Fatal(err)
		}
	}

	if err := table.Write(); err != nil {
		t.Fatal(err)
	}
}

// disks are the ways to get at a file: as an image, and where the machine allows it as a block device.
func disks(t *testing.T, file string, blockSizes ...uint32) []string {
	paths := []string{file}

	for _, blockSize := range blockSizes {
		if loop, ok := loopdevice.Attach(t, file, blockSize, false); ok {
			paths = append(paths, loop)
		}
	}

	return paths
}

func TestLoaderIsOnTheDiskAfterAnUpdate(t *testing.T) {
	for _, blockSize := range []uint32{512, 4096} {
		file := loopdevice.File(t, fileSize)

		for _, path := range disks(t, file, blockSize) {
			disk := open(t, path)

			for seed := range uint64(2) {
				image := rockchiploader.Real.With(seed).Image(rockchip.MMC)

				loader, err := rockchip.ParseLoader(image, rockchip.MMC)
				if err != nil {
					t.Fatal(err)
				}

				parts, err := LoaderParts(disk, loader)
				if err != nil {
					t.Fatal(err)
				}

				if _, err := Update(disk, parts); err != nil {
					t.Fatal(err)
				}

				// Through the file below, not through the loop device.
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}

				found, err := rockchip.Search(bytes.NewReader(content), rockchip.MMC)
				if err != nil || found.IDBlockAt != rockchip.MMC.IDBlock || found.FITAt != rockchip.MMC.FIT {
					t.Fatalf("%s: got %+v, %v; want idblock and FIT in their first places", path, found, err)
				}

				for _, part := range parts {
					if !bytes.Equal(content[part.Offset:][:len(part.Data)], part.Data) {
						t.Errorf("%s: got other bytes at %d, want %s", path, part.Offset, part.Name)
					}
				}
			}
		}
	}
}

func TestTalosPartitionsAreClearOfTheLoader(t *testing.T) {
	for _, sector := range []uint{512, 4096} {
		file := loopdevice.File(t, 160<<20)
		partition(t, file, 20480, sector, 2)

		blockSize := uint32(sector)

		for _, path := range disks(t, file, blockSize) {
			if path == file && sector != 512 {
				continue // an image file is always read in sectors of 512 bytes
			}

			partitioned, err := CheckRoom(open(t, path), 32<<10, 10<<20)
			if err != nil || !partitioned {
				t.Errorf("%s: got partitioned %v, %v; want true", path, partitioned, err)
			}
		}
	}
}

func TestDiskWithoutTableHasRoom(t *testing.T) {
	file := loopdevice.File(t, fileSize)

	for _, path := range disks(t, file, 512) {
		if partitioned, err := CheckRoom(open(t, path), 32<<10, 10<<20); err != nil || partitioned {
			t.Errorf("%s: got partitioned %v, %v; want false", path, partitioned, err)
		}
	}
}

func TestWhatIsInTheWayIsNamed(t *testing.T) {
	for name, tc := range map[string]struct {
		skip       uint
		partitions int
		want       string
	}{
		"a partition at 1 MiB":          {0, 3, "partition 1 (EFI) is in bytes 1048576 to 2097151"},
		"entries inside the loader":     {2000, 0, "the partition table is in bytes 1025024 to 1041407"},
		"a partition at the loader end": {18000, 1, "partition"},
	} {
		t.Run(name, func(t *testing.T) {
			file := loopdevice.File(t, fileSize)
			partition(t, file, tc.skip, 512, tc.partitions)

			for _, path := range disks(t, file, 512) {
				_, err := CheckRoom(open(t, path), 32<<10, 10<<20)
				if !errors.Is(err, ErrInTheWay) || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%s: got %v, want %v and %q", path, err, ErrInTheWay, tc.want)
				}
			}
		})
	}
}

// The table's copy at the disk's end counts where the first is gone.
func TestSecondTableIsReadWhereTheFirstIsGone(t *testing.T) {
	file := loopdevice.File(t, fileSize)
	partition(t, file, 0, 512, 1)

	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := f.WriteAt(make([]byte, 512), 512); err != nil {
		t.Fatal(err)
	}

	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	if _, err := CheckRoom(open(t, file), 32<<10, 10<<20); !errors.Is(err, ErrInTheWay) {
		t.Errorf("got %v, want %v", err, ErrInTheWay)
	}
}

func TestDamagedTableIsRefused(t *testing.T) {
	file := loopdevice.File(t, fileSize)
	partition(t, file, 20480, 512, 1)

	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}

	defer f.Close() // read below

	// Both headers, whatever else they say.
	for _, at := range []int64{512 + 60, fileSize - 512 + 60} {
		if _, err := f.WriteAt([]byte{1, 2, 3}, at); err != nil {
			t.Fatal(err)
		}
	}

	if _, err := CheckRoom(open(t, file), 32<<10, 10<<20); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v, want %q", err, "damaged")
	}
}

func TestSmallDiskIsRefused(t *testing.T) {
	file := loopdevice.File(t, 9<<20)

	for _, path := range disks(t, file, 512) {
		if _, err := CheckRoom(open(t, path), 32<<10, 10<<20); err == nil || !strings.Contains(err.Error(), "9437184 bytes") {
			t.Errorf("%s: got %v, want %q", path, err, "9437184 bytes")
		}
	}
}

func TestWhatIsNoDiskIsRefused(t *testing.T) {
	if _, err := OpenDisk(t.TempDir()); !errors.Is(err, ErrUnfit) {
		t.Errorf("folder: got %v, want %v", err, ErrUnfit)
	}

	if _, err := OpenDisk("/dev/null"); !errors.Is(err, ErrUnfit) {
		t.Errorf("character device: got %v, want %v", err, ErrUnfit)
	}

	if _, err := OpenDisk("/nonexistent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing: got %v, want %v", err, os.ErrNotExist)
	}

	if loop, ok := loopdevice.Attach(t, loopdevice.File(t, fileSize), 512, false); ok {
		if node, ok := loopdevice.Partition(t, loop); ok {
			if _, err := OpenDisk(node); !errors.Is(err, ErrUnfit) || !strings.Contains(err.Error(), "is a partition") {
				t.Errorf("partition: got %v, want %v and %q", err, ErrUnfit, "is a partition")
			}
		}
	}
}

func TestWriteProtectedDiskIsRefused(t *testing.T) {
	file := loopdevice.File(t, fileSize)

	if loop, ok := loopdevice.Attach(t, file, 512, true); ok {
		if _, err := OpenDisk(loop); err == nil {
			t.Errorf("a read-only device was opened for writing: got no error, want one")
		}
	}

	if err := os.Chmod(file, 0o444); err != nil {
		t.Fatal(err)
	}

	if _, err := OpenDisk(file); os.Getuid() != 0 && err == nil {
		t.Error("got a read-only file open for writing, want an error")
	}
}

func TestSymbolicLinksAreFollowed(t *testing.T) {
	file := loopdevice.File(t, fileSize)
	link := filepath.Join(t.TempDir(), "by-id")

	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}

	want, err := filepath.EvalSymlinks(file)
	if err != nil {
		t.Fatal(err)
	}

	if disk := open(t, link); disk.Name() != want || disk.Kind != KindImage {
		t.Errorf("got %+v, want the image %s", disk, want)
	}
}

func TestKindFollowsTheKernel(t *testing.T) {
	root := t.TempDir()

	for name, kind := range map[string]string{"mmcblk0": "MMC\n", "mmcblk1": "SD\n", "mmcblk2": "SDIO\n", "mmcblk0boot0": "MMC\n"} {
		if err := errors.Join(os.MkdirAll(filepath.Join(root, name, "device"), 0o755),
			os.WriteFile(filepath.Join(root, name, "device/type"), []byte(kind), 0o644)); err != nil {
			t.Fatal(err)
		}
	}

	for name, want := range map[string]Kind{
		"mmcblk0": KindEMMC, "mmcblk1": KindSD, "mmcblk2": KindOther, "mmcblk3": KindOther, "mmcblk0boot0": KindOther,
		"nvme0n1": KindNVMe, "sda": KindOther, "vda": KindOther, "loop3": KindLoop,
	} {
		if got := kindFromSysfs(root, name); got != want {
			t.Errorf("%s: %s, not %s", name, got, want)
		}
	}
}

// A loop device stands for the boot partition, where the machine has one for the test; else a file.
// sized is a medium of another size.
type sized struct {
	disk.Medium

	size int64
}

func (s sized) Size() int64 { return s.size }

func TestBootPartitionIsWritableOnlyWhileItIsOpen(t *testing.T) {
	path := loopdevice.File(t, 4<<20)
	if loop, ok := loopdevice.Attach(t, path, 512, false); ok {
		path = loop
	}

	sys := t.TempDir()
	forceRO := filepath.Join(sys, filepath.Base(path), "force_ro")

	if err := errors.Join(os.Mkdir(filepath.Dir(forceRO), 0o755), os.WriteFile(forceRO, []byte("1"), 0o644)); err != nil {
		t.Fatal(err)
	}

	state := func() string {
		content, err := os.ReadFile(forceRO)
		if err != nil {
			t.Fatal(err)
		}

		return string(content)
	}

	partition, err := openBootPartition(path, sys)
	if err != nil || state() != "0" {
		t.Fatal(state(), err)
	}

	loader := known{}.add("new", rockchiploader.Real.Image(rockchip.MMC), rockchip.MMC)

	// The first time the first place comes first, then the one that is not in use.
	for _, want := range []string{"idblock", "second idblock"} {
		parts, err := IDBlockParts(partition, loader)
		if err != nil || len(parts) != 2 || parts[0].Name != want {
			t.Fatalf("got %v, %v; want two parts, the first %s", parts, err, want)
		}

		if _, err := Update(partition, parts); err != nil {
			t.Fatal(err)
		}
	}

	if _, err := rockchip.ReadIDBlock(Reader(partition), rockchip.MMC.IDBlock); err != nil {
		t.Error(err)
	}

	if err := partition.Close(); err != nil || state() != "1" {
		t.Error(state(), err)
	}

	if parts, err := IDBlockParts(sized{partition, 512 << 10}, loader); err != nil || len(parts) != 1 {
		t.Errorf("a partition of 512 KiB: got %v, %v; want one part", parts, err)
	}

	if _, err := IDBlockParts(sized{partition, 128 << 10}, loader); err == nil || !strings.Contains(err.Error(), "131072 bytes") {
		t.Errorf("a partition of 128 KiB: got %v, want %q", err, "131072 bytes")
	}

	if _, err := openBootPartition("/nonexistent/"+filepath.Base(path), sys); err == nil || state() != "1" {
		t.Errorf("no partition: got %v, force_ro %s; want an error, force_ro 1", err, state())
	}
}

func FuzzCheckRoom(f *testing.F) {
	file := loopdevice.File(f, 256<<10)

	for _, skip := range []uint{0, 100} {
		partition(f, file, skip, 512, 0)

		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}

		f.Add(content[:1024], content[1024+512*skip:][:16384])
	}

	f.Fuzz(func(t *testing.T, head, entries []byte) {
		content := make([]byte, 256<<10)
		copy(content[1024:], entries)
		copy(content, head)

		// Whatever the table says, it is read or refused.
		_, _ = checkRoom("fuzz", bytes.NewReader(content), int64(len(content)), 512, 32<<10, 10<<20) // see above
	})
}
