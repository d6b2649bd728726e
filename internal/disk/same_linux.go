// SPDX-License-Identifier: MPL-2.0

package disk

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// identity is what a path leads to: a file by its file system and number, a block device by its own number.
type identity struct {
	device, inode uint64
	block         bool
}

func identityOf(f *os.File) (identity, error) {
	st, err := f.Stat()
	if err != nil {
		return identity{}, err
	}

	return identityFrom(st), nil
}

func identityFrom(info fs.FileInfo) identity {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}
	}

	if info.Mode().Type() == os.ModeDevice {
		return identity{device: uint64(st.Rdev), block: true}
	}

	return identity{device: uint64(st.Dev), inode: st.Ino}
}

// identities are a disk, its partitions, and the file below it where it is a loop device.
func (h kernel) identities(disk string, names []string) []identity {
	var list []identity

	for _, n := range names {
		var major, minor uint32
		if _, err := fmt.Sscanf(h.number(disk, n), "%d:%d", &major, &minor); err == nil {
			list = append(list, identity{device: unix.Mkdev(major, minor), block: true})
		}
	}

	if id, ok := h.backing(disk); ok {
		list = append(list, id)
	}

	return list
}

// backing is what a loop device is over.
func (h kernel) backing(loop string) (identity, bool) {
	b, err := os.ReadFile(path.Join(h.Sys, "block", loop, "loop/backing_file"))
	if err != nil {
		return identity{}, false
	}

	// The kernel knows the file even where it has no name any more, or another one here; it tells who may open the device.
	if f, err := os.Open(path.Join(h.Dev, loop)); err == nil {
		info, err := unix.IoctlLoopGetStatus64(int(f.Fd()))
		_ = f.Close()

		if err == nil && info.Rdevice != 0 {
			return identity{device: info.Rdevice, block: true}, true
		} else if err == nil {
			return identity{device: info.Device, inode: info.Inode}, true
		}
	}

	info, err := os.Stat(strings.TrimSuffix(string(b), "\n"))
	if err != nil {
		return identity{}, false
	}

	return identityFrom(info), true
}

// loopsOver finds loop devices that show a part of a disk or of a file, or all of it.
func (h kernel) loopsOver(by string, depth int, over ...identity) ([]Use, error) {
	if depth > 2 { // two over the same file are over each other
		return nil, nil
	}

	files, err := filepath.Glob(path.Join(h.Sys, "block/*/loop/backing_file"))
	if err != nil {
		return nil, err
	}

	var list []Use

	for _, f := range files {
		name := path.Base(path.Dir(path.Dir(f)))

		id, ok := h.backing(name)
		if !ok || !slices.Contains(over, id) || path.Join(h.Dev, name) == by {
			continue
		}

		u := Use{By: by, Holder: path.Join(h.Dev, name)}

		above, err := h.uses(name, depth+1)
		if err != nil {
			return nil, err
		}

		for _, a := range above {
			u.System = u.System || a.System

			if a.Mount != "" {
				u.Holder += ", which is mounted at " + a.Mount
			}
		}

		list = append(list, u)
	}

	return list, nil
}

// Same implements Host: one file by two names, a disk and a partition of it, a loop device and
// the file below it. What is not there is not the same as anything.
func (h kernel) Same(a, b string) bool {
	of := func(p string) []identity {
		st, err := os.Stat(p)
		if err != nil {
			return nil
		}

		list := []identity{identityFrom(st)}

		if st.Mode().Type() != os.ModeDevice {
			return list
		}

		link, err := os.Readlink(path.Join(h.Sys, "dev/block", fmt.Sprintf("%d:%d", unix.Major(list[0].device), unix.Minor(list[0].device))))
		if err != nil {
			return list
		}

		name := path.Base(link)
		if whole := h.wholeDisk(name); whole != "" {
			list = append(list, h.identities(whole, []string{whole})...)
			name = whole
		}

		if id, ok := h.backing(name); ok {
			list = append(list, id)
		}

		return list
	}

	first := of(a)

	return slices.ContainsFunc(of(b), func(id identity) bool { return slices.Contains(first, id) })
}
