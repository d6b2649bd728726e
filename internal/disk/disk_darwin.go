// SPDX-License-Identifier: MPL-2.0

package disk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"
	"howett.net/plist"
)

const rightsHint = "run it as root (sudo); Terminal may also need the right to removable volumes (System Settings, Privacy)"

// Requests of disks (macOS, sys/disk.h).
const (
	dkSynchronizeCache = 0x20006416
	dkGetBlockSize     = 0x40046418
	dkGetBlockCount    = 0x40086419
	dkIsWritable       = 0x4004641d
)

var (
	anyDisk   = regexp.MustCompile(`^/dev/r?disk[0-9]+(s[0-9]+)*$`)
	wholeDisk = regexp.MustCompile(`^/dev/rdisk[0-9]+$`)
)

// resolve follows symbolic links and names the raw device, which passes the cache by.
func resolve(p string) (string, error) {
	p, err := followed(p)
	if err == nil && anyDisk.MatchString(p) {
		p = "/dev/r" + strings.TrimPrefix(path.Base(p), "r")
	}

	return p, err
}

// identifier is diskutil's name of a disk: "disk4".
func identifier(p string) string { return strings.TrimPrefix(path.Base(p), "r") }

// IsDevice says whether a path leads to a disk.
func IsDevice(p string) bool {
	r, err := resolve(p)

	return err == nil && anyDisk.MatchString(r)
}

func (d *Disk) openFileDirect() (err error) {
	if d.file, err = os.OpenFile(d.path, os.O_RDWR, 0); err == nil {
		_, err = unix.FcntlInt(d.file.Fd(), unix.F_NOCACHE, 1)
	}

	return err
}

// openBlock opens a raw disk. The kernel refuses that (EBUSY) while something of it is mounted, and mounts nothing of it
// while it is open.
func (d *Disk) openBlock(bool) (err error) {
	if !wholeDisk.MatchString(d.path) {
		return errors.New("it is a partition, not a whole disk")
	}

	if d.file, err = os.OpenFile(d.path, os.O_RDWR|unix.O_EXLOCK|unix.O_NONBLOCK, 0); err != nil {
		if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EAGAIN) {
			err = fmt.Errorf("%w: it, or a partition on it, is mounted or used by another program", ErrBusy)
		}

		return err
	}

	if writable, err := unix.IoctlGetInt(int(d.file.Fd()), dkIsWritable); err == nil && writable == 0 {
		return fmt.Errorf("it is read-only (a write protect switch, or a worn-out card): %w", unix.EROFS)
	}

	return d.geometry()
}

func (d *Disk) openRead() (err error) {
	if d.file, err = os.Open(d.path); err != nil {
		return err
	}

	return d.geometry()
}

func (d *Disk) geometry() error {
	d.direct = true // a raw disk takes whole sectors only

	sector, err := unix.IoctlGetInt(int(d.file.Fd()), dkGetBlockSize)
	if err != nil {
		return fmt.Errorf("sector size: %w", err)
	}

	count, err := unix.IoctlGetInt(int(d.file.Fd()), dkGetBlockCount)
	if err != nil {
		return fmt.Errorf("size: %w", err)
	}

	d.sector, d.size = sector, int64(sector)*int64(count)

	return nil
}

// Sync implements Device.
func (d *Disk) Sync() error {
	if !d.block {
		return d.file.Sync()
	}

	err := unix.IoctlSetInt(int(d.file.Fd()), dkSynchronizeCache, 0)
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.ENOTSUP) { // a medium without a cache
		return nil
	}

	return err
}

func (d *Disk) leaveDirect(error) bool { return false }

func (d *Disk) zeroFast(int64, int64) (bool, error) { return false, nil }

// Discard implements Device.
func (d *Disk) Discard() (bool, error) { return false, nil }

// Reread implements Device: macOS looks at a disk again when it is closed.
func (d *Disk) Reread() error { return nil }

// KernelName is what diskutil calls it.
func (d *Disk) KernelName() (string, error) { return identifier(d.path), nil }

// Gone says whether an error is that of a medium that was taken out.
func Gone(err error) bool { return errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) }

// ThisHost is the machine the program runs on.
var ThisHost Host = mac{}

// mac is a machine whose disks diskutil knows.
type mac struct{ described }

func diskutil(args ...string) ([]byte, error) {
	out, err := exec.Command("/usr/sbin/diskutil", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("diskutil %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}

	return out, nil
}

func list() (diskutilList, error) {
	b, err := diskutil("list", "-plist")
	if err != nil {
		return diskutilList{}, err
	}

	return parseList(b)
}

func info(name string) (diskutilInfo, error) {
	var i diskutilInfo

	b, err := diskutil("info", "-plist", name)
	if err != nil {
		return i, err
	}

	_, err = plist.Unmarshal(b, &i)

	return i, err
}

// Targets implements Host.
func (m mac) Targets() ([]Target, error) {
	l, err := list()
	if err != nil {
		return nil, err
	}

	var targets []Target

	for _, d := range l.Disks {
		i, err := info(d.ID)
		if err != nil || i.Virtual == "Virtual" || i.Size == 0 { // disk images, APFS containers, empty card readers
			continue
		}

		if t, err := m.Target("/dev/" + d.ID); err == nil {
			targets = append(targets, t)
		}
	}

	likelyFirst(targets)

	return targets, nil
}

// Target implements Host.
func (m mac) Target(device string) (Target, error) {
	p, err := resolve(device)
	if err != nil {
		return Target{}, err
	}

	name := "/dev/" + identifier(p)
	if !wholeDisk.MatchString(p) {
		return Target{Path: name}, fmt.Errorf("%s: %w: no whole disk of this machine", device, ErrTarget)
	}

	return m.target(p, name)
}

func describe(t *Target) error {
	i, err := info(identifier(t.Path))
	if err != nil {
		return err
	}

	l, err := list()
	if err != nil {
		return err
	}

	i.target(t)
	t.Uses, t.Content = l.uses(identifier(t.Path)), l.content(identifier(t.Path))

	return nil
}

// Same implements Host.
func (mac) Same(a, b string) bool {
	if sameFile(a, b) {
		return true
	}

	a, errA := resolve(a)
	b, errB := resolve(b)
	whole := regexp.MustCompile(`^/dev/rdisk[0-9]+`)

	return errA == nil && errB == nil && whole.MatchString(a) && whole.FindString(a) == whole.FindString(b)
}

// Unmount implements Host.
func (mac) Unmount(t *Target) error {
	if _, err := diskutil("unmountDisk", filepath.Base(t.Path)); err != nil {
		return err
	}

	return describe(t)
}
