// SPDX-License-Identifier: MPL-2.0

package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/windows"
)

const rightsHint = "run it in a terminal that was started with \"Run as administrator\""

// Control codes of disks and volumes (Windows SDK, winioctl.h).
const (
	fsctlLockVolume      = 0x00090018
	fsctlDismountVolume  = 0x00090020
	diskGetGeometry      = 0x00070000
	diskIsWritable       = 0x00070024
	diskUpdateProperties = 0x00070140
	diskGetLength        = 0x0007405c
	storageQueryProperty = 0x002d1400
	volumeGetDiskExtents = 0x00560000
)

// Prefix is what the path of a disk begins with.
const prefix = `\\.\PhysicalDrive`

var physicalDrive = regexp.MustCompile(`(?i)^(\\\\\.\\)?PhysicalDrive([0-9]+)$`)

// resolve takes \\.\PhysicalDrive2, also without its beginning, and follows the symbolic links of files.
func resolve(p string) (string, error) {
	if m := physicalDrive.FindStringSubmatch(p); m != nil {
		return prefix + m[2], nil
	}

	if v := strings.TrimSuffix(p, `\`); len(v) == 2 && v[1] == ':' {
		return "", fmt.Errorf("%s: %w: it is a volume: name the whole disk, %sN (m6 flash IMAGE lists them)", p, ErrTarget, prefix)
	}

	return followed(p)
}

// IsDevice says whether a path is that of a disk.
func IsDevice(p string) bool { return physicalDrive.MatchString(p) }

// number is N of \\.\PhysicalDriveN.
func number(p string) uint32 {
	n, err := strconv.ParseUint(strings.TrimPrefix(p, prefix), 10, 32)
	if err != nil {
		return ^uint32(0)
	}

	return uint32(n)
}

func openHandle(p string, access, flags uint32) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(p)
	if err != nil {
		return 0, err
	}

	h, err := windows.CreateFile(name, access, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, flags, 0)
	if err != nil {
		return 0, &fs.PathError{Op: "open", Path: p, Err: err}
	}

	return h, nil
}

// control sends a request and gives up to size bytes of the answer.
func control(h windows.Handle, code uint32, in []byte, size int) ([]byte, error) {
	out := make([]byte, size+1)

	var (
		given *byte
		n     uint32
	)

	if len(in) > 0 {
		given = &in[0]
	}

	err := windows.DeviceIoControl(h, code, given, uint32(len(in)), &out[0], uint32(size), &n, nil)

	return out[:min(int(n), size)], err
}

func (d *Disk) openFileDirect() (err error) {
	d.file, err = os.OpenFile(d.path, os.O_RDWR, 0)

	return err
}

// openBlock opens a disk past the cache, after its volumes are locked, which Windows refuses while a program has a file on
// one open. Locked volumes are dismounted: Windows would not let their sectors be written otherwise.
func (d *Disk) openBlock(bool) error {
	list, err := volumes(number(d.path))
	if err != nil {
		return err
	}

	for _, v := range list {
		if v.system {
			return fmt.Errorf("%w: Windows runs from it (%s)", ErrBusy, v)
		}
	}

	for _, v := range list {
		h, err := v.lock()
		if err != nil {
			return err
		}

		d.release = append(d.release, func() error { return windows.CloseHandle(h) })
	}

	h, err := openHandle(d.path, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.FILE_FLAG_NO_BUFFERING|windows.FILE_FLAG_WRITE_THROUGH)
	if err != nil {
		return err
	}

	d.file = os.NewFile(uintptr(h), d.path)

	if _, err := control(h, diskIsWritable, nil, 0); errors.Is(err, windows.ERROR_WRITE_PROTECT) {
		return fmt.Errorf("it is read-only (a write protect switch, or a worn-out card): %w", err)
	}

	return d.geometry()
}

func (d *Disk) openRead() error {
	h, err := openHandle(d.path, windows.GENERIC_READ, 0)
	if err != nil {
		return err
	}

	d.file = os.NewFile(uintptr(h), d.path)

	return d.geometry()
}

func (d *Disk) geometry() (err error) {
	d.direct = true // a disk takes whole sectors only
	d.size, d.sector, err = geometry(windows.Handle(d.file.Fd()))

	return err
}

func geometry(h windows.Handle) (size int64, sector int, err error) {
	b, err := control(h, diskGetLength, nil, 8)
	if err != nil || len(b) < 8 {
		return 0, 0, fmt.Errorf("size: %w", orElse(err, windows.ERROR_INVALID_DATA))
	}

	size = int64(binary.LittleEndian.Uint64(b))

	// DISK_GEOMETRY: cylinders, media type, tracks, sectors, bytes of a sector.
	b, err = control(h, diskGetGeometry, nil, 24)
	if err != nil || len(b) < 24 {
		return 0, 0, fmt.Errorf("sector size: %w", orElse(err, windows.ERROR_INVALID_DATA))
	}

	return size, int(binary.LittleEndian.Uint32(b[20:])), nil
}

// Sync implements Device.
func (d *Disk) Sync() error { return d.file.Sync() }

func (d *Disk) leaveDirect(error) bool { return false }

func (d *Disk) zeroFast(int64, int64) (bool, error) { return false, nil }

// Discard implements Device.
func (d *Disk) Discard() (bool, error) { return false, nil }

// Reread implements Device.
func (d *Disk) Reread() error {
	if d.block {
		// Without it, Windows looks when the medium is put in again.
		_, _ = control(windows.Handle(d.file.Fd()), diskUpdateProperties, nil, 0)
	}

	return nil
}

// KernelName is PhysicalDriveN.
func (d *Disk) KernelName() (string, error) { return strings.TrimPrefix(d.path, `\\.\`), nil }

// Gone says whether an error is that of a medium that was taken out.
func Gone(err error) bool {
	for _, e := range []error{
		windows.ERROR_NOT_READY, windows.ERROR_DEVICE_NOT_CONNECTED, windows.ERROR_NO_SUCH_DEVICE, windows.ERROR_NO_MEDIA_IN_DRIVE,
	} {
		if errors.Is(err, e) {
			return true
		}
	}

	return false
}

// volume is a file system on a disk.
type volume struct {
	// name is \\?\Volume{…}\, mounts are where it is seen: `E:\`.
	name   string
	mounts []string
	system bool
}

func (v volume) String() string {
	if len(v.mounts) > 0 {
		return strings.Join(v.mounts, ", ")
	}

	return v.name
}

// lock locks and dismounts a volume until its handle is closed.
func (v volume) lock() (windows.Handle, error) {
	h, err := openHandle(strings.TrimSuffix(v.name, `\`), windows.GENERIC_READ|windows.GENERIC_WRITE, 0)
	if err != nil {
		return 0, err
	}

	for try := range 10 { // a virus scanner may just be looking
		if _, err = control(h, fsctlLockVolume, nil, 0); err == nil {
			break
		}

		time.Sleep(time.Duration(try) * 50 * time.Millisecond)
	}

	if err != nil {
		return 0, errors.Join(fmt.Errorf("%w: %s is open in another program (%w): close it", ErrBusy, v, err), windows.CloseHandle(h))
	}

	if _, err := control(h, fsctlDismountVolume, nil, 0); err != nil {
		return 0, errors.Join(fmt.Errorf("%s: dismount: %w", v, err), windows.CloseHandle(h))
	}

	return h, nil
}

// volumes lists the volumes of a disk.
func volumes(disk uint32) ([]volume, error) {
	name := make([]uint16, windows.MAX_PATH)

	find, err := windows.FindFirstVolume(&name[0], uint32(len(name)))
	if errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("volumes: %w", err)
	}
	defer windows.FindVolumeClose(find) // a list

	system := systemVolume()

	var list []volume

	for {
		v := volume{name: windows.UTF16ToString(name)}
		if v.on(disk) {
			v.mounts = mountsOf(v.name)
			v.system = strings.EqualFold(v.name, system)
			list = append(list, v)
		}

		if err := windows.FindNextVolume(find, &name[0], uint32(len(name))); errors.Is(err, windows.ERROR_NO_MORE_FILES) {
			return list, nil
		} else if err != nil {
			return nil, fmt.Errorf("volumes: %w", err)
		}
	}
}

// on says whether a part of a volume is on a disk.
func (v volume) on(disk uint32) bool {
	h, err := openHandle(strings.TrimSuffix(v.name, `\`), 0, 0)
	if err != nil {
		return false
	}
	defer windows.CloseHandle(h) // for a question

	// VOLUME_DISK_EXTENTS: their number, then for each the disk's, where it starts, and its length.
	b, err := control(h, volumeGetDiskExtents, nil, 8+64*24)
	if err != nil || len(b) < 8 {
		return false
	}

	for at, n := 8, binary.LittleEndian.Uint32(b); n > 0 && at+24 <= len(b); at, n = at+24, n-1 {
		if binary.LittleEndian.Uint32(b[at:]) == disk {
			return true
		}
	}

	return false
}

// systemVolume is the volume that Windows is on.
func systemVolume() string {
	dir, err := windows.GetSystemDirectory()
	if err != nil {
		return ""
	}

	root, err := windows.UTF16PtrFromString(filepath.VolumeName(dir) + `\`)
	if err != nil {
		return ""
	}

	name := make([]uint16, windows.MAX_PATH)
	if err := windows.GetVolumeNameForVolumeMountPoint(root, &name[0], uint32(len(name))); err != nil {
		return ""
	}

	return windows.UTF16ToString(name)
}

func mountsOf(volume string) []string {
	p, err := windows.UTF16PtrFromString(volume)
	if err != nil {
		return nil
	}

	names := make([]uint16, 4*windows.MAX_PATH)

	var n uint32
	if err := windows.GetVolumePathNamesForVolumeName(p, &names[0], uint32(len(names)), &n); err != nil {
		return nil
	}

	var list []string

	for rest := names[:min(int(n), len(names))]; len(rest) > 0 && rest[0] != 0; {
		s := windows.UTF16ToString(rest)
		list = append(list, s)
		rest = rest[min(len(rest), len(windows.StringToUTF16(s))):]
	}

	return list
}

// ThisHost is the machine the program runs on.
var ThisHost Host = pc{}

// pc is a machine with Windows.
type pc struct{ described }

// maxDrives is how many disks are asked for.
const maxDrives = 64

// Targets implements Host.
func (h pc) Targets() ([]Target, error) {
	var list []Target

	for n := range maxDrives {
		t, err := h.Target(prefix + strconv.Itoa(n))
		if err != nil || t.Size == 0 { // none of that number, or an empty card reader
			continue
		}

		list = append(list, t)
	}

	likelyFirst(list)

	return list, nil
}

// Target implements Host.
func (h pc) Target(device string) (Target, error) {
	p, err := resolve(device)
	if err != nil {
		return Target{}, err
	}

	if !IsDevice(p) {
		return Target{Path: p}, fmt.Errorf("%s: %w: no disk of this machine", device, ErrTarget)
	}

	return h.target(p, p)
}

// buses are STORAGE_BUS_TYPE.
var buses = map[uint32]string{3: "ata", 7: "usb", 8: "raid", 10: "sas", 11: "sata", 12: "sd", 13: "mmc", 14: "virtual", 17: "nvme"}

// describe asks for what needs no rights.
func describe(t *Target) error {
	h, err := openHandle(t.Path, 0, 0)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h) // for a question

	t.SectorSize = 512
	if size, sector, err := geometry(h); err == nil {
		t.Size, t.SectorSize = size, sector
	}

	// STORAGE_PROPERTY_QUERY: the device's descriptor, the standard query. STORAGE_DEVICE_DESCRIPTOR: version, size, types,
	// removable (byte 10), places of vendor, product, revision and serial number (from byte 12), bus (byte 28).
	if b, err := control(h, storageQueryProperty, make([]byte, 12), 4096); err == nil && len(b) >= 32 {
		text := func(at int) string {
			from := int(binary.LittleEndian.Uint32(b[at:]))
			if from == 0 || from >= len(b) {
				return ""
			}

			s, _, _ := bytes.Cut(b[from:], []byte{0})

			return strings.TrimSpace(string(s))
		}

		t.Model = strings.TrimSpace(text(12) + " " + text(16))
		t.Serial = text(24)
		t.Transport = buses[binary.LittleEndian.Uint32(b[28:])]
		t.Removable = b[10] != 0 || t.Transport == "usb" || t.Transport == "sd" || t.Transport == "mmc"
	}

	list, err := volumes(number(t.Path))
	if err != nil {
		return err
	}

	for _, v := range list {
		if v.system {
			t.Uses = append(t.Uses, Use{By: t.Path, Mount: v.String(), System: true})
		} else if len(v.mounts) > 0 {
			t.Content = append(t.Content, v.String()) // it is locked and dismounted before it is written
		}
	}

	return nil
}

// Same implements Host.
func (pc) Same(a, b string) bool {
	x, errX := resolve(a)
	y, errY := resolve(b)

	return errX == nil && errY == nil && IsDevice(x) && x == y || sameFile(a, b)
}

// Unmount implements Host: opening locks and dismounts a disk's volumes.
func (pc) Unmount(*Target) error { return nil }
