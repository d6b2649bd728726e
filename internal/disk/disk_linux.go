// SPDX-License-Identifier: MPL-2.0

package disk

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/siderolabs/go-blockdevice/v2/block"
	"golang.org/x/sys/unix"
)

const rightsHint = "run it as root (sudo), or as a member of the group that owns the disk (often \"disk\")"

func resolve(path string) (string, error) { return followed(path) }

// IsDevice says whether a path leads to a block device.
func IsDevice(path string) bool {
	st, err := os.Stat(path)

	return err == nil && st.Mode().Type() == os.ModeDevice
}

// openRead opens a block device for reading, through the page cache.
func (d *Disk) openRead() (err error) {
	if d.file, err = os.Open(d.path); err != nil {
		return err
	}

	return d.geometry()
}

// geometry asks the kernel for the sizes of a disk and of its sectors.
func (d *Disk) geometry() error {
	device := block.NewFromFile(d.file)

	size, err := device.GetSize()
	if err != nil {
		return fmt.Errorf("size: %w", err)
	}

	d.size, d.sector = int64(size), int(device.GetSectorSize())

	return nil
}

// Gone says whether an error is that of a medium that was taken out.
func Gone(err error) bool {
	return errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENOMEDIUM)
}

// Share opens a block device or an image file for writing although parts of it may be mounted: a node's own disk, during an
// upgrade. Its lock (flock, which Talos and udev heed) is taken until it is closed.
func Share(path string) (*Disk, error) {
	d, err := open(path, false)
	if err != nil {
		return nil, err
	}

	if err := d.lock(); err != nil {
		return nil, errors.Join(err, d.Close())
	}

	return d, nil
}

// openFileDirect opens an image file. Some file systems (tmpfs before Linux 6.6) know no O_DIRECT.
func (d *Disk) openFileDirect() (err error) {
	d.direct = true

	if d.file, err = os.OpenFile(d.path, os.O_RDWR|unix.O_DIRECT, 0); errors.Is(err, unix.EINVAL) {
		d.direct = false
		d.file, err = os.OpenFile(d.path, os.O_RDWR, 0)
	}

	return err
}

// openBlock opens a block device past the page cache (O_DIRECT, open(2)) and, with O_EXCL, claims it: the kernel refuses that
// for one that is mounted, or of which a partition is.
func (d *Disk) openBlock(exclusive bool) (err error) {
	flags := os.O_RDWR | unix.O_DIRECT
	if exclusive {
		flags |= unix.O_EXCL
	}

	d.direct = true

	if d.file, err = os.OpenFile(d.path, flags, 0); err != nil {
		if errors.Is(err, unix.EBUSY) {
			err = fmt.Errorf("%w: it, or a partition on it, is mounted or used by another program", ErrBusy)
		}

		return err
	}

	if err := d.geometry(); err != nil {
		return err
	}

	device := block.NewFromFile(d.file)
	if whole, err := device.IsWholeDisk(); err != nil || !whole {
		return fmt.Errorf("it is a partition, not a whole disk: %w", orElse(err, unix.ENOTBLK))
	}

	if ro, err := device.IsReadOnly(); err != nil || ro {
		return fmt.Errorf("it is read-only (a write protect switch, or a worn-out card): %w", orElse(err, unix.EROFS))
	}

	return nil
}

// lockWait is how long another program may keep the lock.
var lockWait = 30 * time.Second

// lock takes the lock. Talos' installer, which runs the overlay's, may hold it already: then it is as good as ours.
func (d *Disk) lock() error {
	for end := time.Now().Add(lockWait); ; time.Sleep(100 * time.Millisecond) {
		err := unix.Flock(int(d.file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}

		if !errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("%s: lock: %w", d.path, err)
		}

		holders := lockHolders(d.file)
		if slices.ContainsFunc(ancestors(), func(pid int) bool { return slices.Contains(holders, pid) }) {
			return nil
		}

		if time.Now().After(end) {
			return fmt.Errorf("%s: %w: %w: another program has locked it for %s (process %v)", d.path, ErrTarget, ErrBusy, lockWait, holders)
		}
	}
}

// lockHolders are the processes that hold a lock on a file (proc_locks(5)).
func lockHolders(f *os.File) []int {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil
	}

	b, err := os.ReadFile("/proc/locks")
	if err != nil {
		return nil
	}

	key := fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)

	var list []int

	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 5 && f[1] == "FLOCK" && f[5] == key {
			if pid, err := strconv.Atoi(f[4]); err == nil {
				list = append(list, pid)
			}
		}
	}

	return list
}

// ancestors are this process' parent, its parent, and so on.
func ancestors() []int {
	var list []int

	for pid := os.Getppid(); pid > 0 && len(list) < 64; {
		list = append(list, pid)

		b, err := os.ReadFile(path.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil {
			break
		}

		// The name, which may hold anything, is in brackets.
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if len(fields) < 2 {
			break
		}

		if pid, err = strconv.Atoi(fields[1]); err != nil {
			break
		}
	}

	return list
}

// Sync implements Device. On a block device fsync makes the disk empty its own cache as well (block/fops.c, blkdev_fsync).
func (d *Disk) Sync() error {
	if err := d.file.Sync(); err != nil {
		return err
	}

	if d.direct {
		return nil
	}

	// What is read back then comes from the file system again.
	return unix.Fadvise(int(d.file.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// leaveDirect goes through the page cache from now on where a file's disk wants larger pieces than are written.
func (d *Disk) leaveDirect(err error) bool {
	if d.block || !d.direct || !errors.Is(err, unix.EINVAL) {
		return false
	}

	d.direct = false

	return d.setDirect(false) == nil
}

func (d *Disk) setDirect(on bool) error {
	flags, err := unix.FcntlInt(d.file.Fd(), unix.F_GETFL, 0)
	if err != nil {
		return err
	}

	flags &^= unix.O_DIRECT
	if on {
		flags |= unix.O_DIRECT
	}

	_, err = unix.FcntlInt(d.file.Fd(), unix.F_SETFL, flags)

	return err
}

// through has a function use the very descriptor that is written to, through the page cache: it may read what it likes.
func (d *Disk) through(use func(*os.File) error) error {
	if !d.direct {
		return use(d.file)
	}

	if err := d.setDirect(false); err != nil {
		return err
	}

	err := use(d.file)

	if _, serr := d.file.Seek(0, 0); serr != nil {
		err = errors.Join(err, serr)
	}

	return errors.Join(err, d.setDirect(true))
}

// zeroFast has the kernel make a range zero; it says false where that must be written.
func (d *Disk) zeroFast(offset, size int64) (bool, error) {
	if d.block {
		// The kernel lets the medium do it where that can, and writes zeros where it cannot (blkdev_issue_zeroout).
		return true, d.rangeCall(unix.BLKZEROOUT, offset, size)
	}

	err := unix.Fallocate(int(d.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, offset, size)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return false, nil
	}

	return true, err
}

func (d *Disk) rangeCall(request uint, offset, size int64) error {
	arg := [2]uint64{uint64(offset), uint64(size)}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, d.file.Fd(), uintptr(request), uintptr(unsafe.Pointer(&arg))); errno != 0 {
		return errno
	}

	return nil
}

// Discard implements Device.
func (d *Disk) Discard() (bool, error) {
	var err error
	if d.block {
		err = d.rangeCall(unix.BLKDISCARD, 0, d.size)
	} else {
		err = unix.Fallocate(int(d.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, d.size)
	}

	if errors.Is(err, unix.EOPNOTSUPP) {
		return false, nil
	}

	return err == nil, err
}

// Reread implements Device.
func (d *Disk) Reread() error {
	if !d.block {
		return nil
	}

	_, err := unix.IoctlRetInt(int(d.file.Fd()), unix.BLKRRPART)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EBUSY) { // a device without partitions, as loop devices are by default
		return nil
	}

	return err
}

// KernelName is what the kernel calls a block device: "mmcblk0", say.
func (d *Disk) KernelName() (string, error) { return linux.nameOf(d) }
