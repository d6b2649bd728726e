// SPDX-License-Identifier: MPL-2.0

package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"github.com/siderolabs/go-blockdevice/v2/blkid"
	"github.com/siderolabs/go-blockdevice/v2/block"
	"golang.org/x/sys/unix"
)

// kernel is where the kernel tells of disks; a test has its own.
type kernel struct {
	// Dev is /dev, Sys /sys, Proc /proc.
	Dev, Sys, Proc string
}

// ThisHost is the machine the program runs on.
var ThisHost Host = linux

var linux = kernel{"/dev", "/sys", "/proc"}

// systemMounts are those without which a machine does not run, with what is mounted below them; the last ones are where
// a live system runs from.
var systemMounts = []string{
	"/boot", "/efi", "/usr", "/var", "/etc", "/home", "/opt", "/srv", "/root", "/nix", "/gnu",
	"/run/live", "/run/archiso", "/run/initramfs", "/cdrom", "/isodevice",
}

// isSystem says whether this machine runs from what is mounted at a place.
func isSystem(mount string) bool {
	return mount == "/" || slices.ContainsFunc(systemMounts, func(m string) bool { return mount == m || strings.HasPrefix(mount, m+"/") })
}

// Targets implements Host.
func (h kernel) Targets() ([]Target, error) {
	list, err := os.ReadDir(path.Join(h.Sys, "block"))
	if err != nil {
		return nil, err
	}

	var targets []Target

	for _, e := range list {
		name := e.Name()

		switch {
		case strings.HasPrefix(name, "loop"), strings.HasPrefix(name, "ram"), strings.HasPrefix(name, "zram"),
			strings.HasPrefix(name, "dm-"), strings.HasPrefix(name, "md"), strings.HasPrefix(name, "sr"), strings.HasPrefix(name, "fd"),
			strings.Contains(name, "boot") && strings.HasPrefix(name, "mmcblk"):
			continue // not what a board starts from
		}

		t, err := h.Target(path.Join(h.Dev, strings.ReplaceAll(name, "!", "/")))
		if err != nil || t.Size == 0 { // an empty card reader
			continue
		}

		targets = append(targets, t)
	}

	likelyFirst(targets)

	return targets, nil
}

// Target implements Host.
func (h kernel) Target(device string) (Target, error) {
	resolved, err := filepath.EvalSymlinks(device)
	if err != nil {
		return Target{}, err
	}

	t := Target{Path: resolved, SectorSize: 512}
	name := strings.ReplaceAll(strings.TrimPrefix(resolved, h.Dev+"/"), "/", "!")
	dir := path.Join(h.Sys, "block", name)

	if _, err := os.Stat(dir); err != nil {
		if whole := h.wholeDisk(name); whole != "" {
			return t, fmt.Errorf("%s: %w: it is a partition: name the whole disk, %s", device, ErrTarget, path.Join(h.Dev, whole))
		}

		return t, fmt.Errorf("%s: %w: no disk of this machine", device, ErrTarget)
	}

	t.Size = number(dir, "size") * 512 // sysfs counts sectors of 512 bytes always

	if n := number(dir, "queue/logical_block_size"); n > 0 {
		t.SectorSize = int(n)
	}

	if err := h.describe(&t, name); err != nil {
		return t, err
	}

	f, err := os.Open(resolved)
	if err != nil {
		t.Content, t.Denied = []string{"cannot be read: " + err.Error()}, errors.Is(err, fs.ErrPermission)

		return t, nil
	}
	defer f.Close() // read only

	t.Content, t.Known = content(f)

	return t, nil
}

// Of implements Host.
func (h kernel) Of(d *Disk) (Target, error) {
	t := Target{Path: d.path, Size: d.size, SectorSize: d.sector}

	if !d.block {
		id, err := identityOf(d.file)
		if err != nil {
			return t, err
		}

		t.Uses, err = h.loopsOver(d.path, 0, id)
		t.Known = true // a file is what its owner makes of it

		return t, err
	}

	name, err := h.nameOf(d)
	if err != nil {
		return t, fmt.Errorf("%s: %w: %w", d.path, ErrTarget, err)
	}

	if err := h.describe(&t, name); err != nil {
		return t, err
	}

	err = d.through(func(f *os.File) error {
		t.Content, t.Known = content(f)

		return nil
	})

	return t, err
}

// nameOf is the kernel's name of an open disk.
func (h kernel) nameOf(d *Disk) (string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(d.file.Fd()), &st); err != nil {
		return "", err
	}

	link, err := os.Readlink(path.Join(h.Sys, "dev/block", fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))))
	if err != nil {
		return "", err
	}

	return path.Base(link), nil
}

// describe fills in what the kernel says of a disk.
func (h kernel) describe(t *Target, name string) (err error) {
	dir := path.Join(h.Sys, "block", name)
	t.Removable = number(dir, "removable") == 1
	t.ReadOnly = number(dir, "ro") == 1

	h.properties(t)

	if t.Transport == "usb" || t.Transport == "mmc" {
		t.Removable = true
	}

	t.Uses, err = h.uses(name, 0)

	return err
}

// properties fills in what go-blockdevice finds.
func (h kernel) properties(t *Target) {
	dev, err := block.NewFromPath(t.Path)
	if err != nil {
		return
	}
	defer dev.Close() // read only

	if p, err := dev.GetProperties(); err == nil {
		t.Model, t.Serial, t.Transport = p.Model, p.Serial, p.Transport
	}
}

// wholeDisk finds the disk a partition is on, or "".
func (h kernel) wholeDisk(name string) string {
	found, err := filepath.Glob(path.Join(h.Sys, "block", "*", name, "partition"))
	if err != nil || len(found) == 0 {
		return ""
	}

	return filepath.Base(filepath.Dir(filepath.Dir(found[0])))
}

func number(dir, file string) int64 {
	b, err := os.ReadFile(path.Join(dir, file))
	if err != nil {
		return 0
	}

	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0
	}

	return n
}

// uses finds what holds a disk or its partitions, through device mapper, RAID and the like.
func (h kernel) uses(name string, depth int) ([]Use, error) {
	mounts, err := h.mounts()
	if err != nil {
		return nil, err
	}

	names := []string{name}

	var list []Use

	parts, err := filepath.Glob(path.Join(h.Sys, "block", name, "*", "partition"))
	if err != nil {
		return nil, err
	}

	for _, p := range parts {
		names = append(names, filepath.Base(filepath.Dir(p)))
	}

	for _, n := range names {
		by := path.Join(h.Dev, strings.ReplaceAll(n, "!", "/"))

		for _, m := range mounts[h.number(name, n)] {
			list = append(list, Use{By: by, Mount: m, System: isSystem(m)})
		}

		if h.isSwap(by) {
			list = append(list, Use{By: by, Holder: "swap", System: true})
		}

		holders, err := h.holders(name, n)
		if err != nil {
			return nil, err
		}

		for _, holder := range holders {
			u := Use{By: by, Holder: path.Join(h.Dev, holder)}

			if depth < 8 {
				above, err := h.uses(holder, depth+1)
				if err != nil {
					return nil, err
				}

				u.System = slices.ContainsFunc(above, func(u Use) bool { return u.System })
			}

			list = append(list, u)
		}
	}

	loops, err := h.loopsOver(path.Join(h.Dev, strings.ReplaceAll(name, "!", "/")), depth, h.identities(name, names)...)

	return append(list, loops...), err
}

// number is a device's "major:minor".
func (h kernel) number(disk, name string) string {
	p := path.Join(h.Sys, "block", disk, name, "dev")
	if name == disk {
		p = path.Join(h.Sys, "block", disk, "dev")
	}

	b, err := os.ReadFile(p)
	if err != nil {
		return "?"
	}

	return strings.TrimSpace(string(b))
}

func (h kernel) holders(disk, name string) ([]string, error) {
	p := path.Join(h.Sys, "block", disk, name, "holders")
	if name == disk {
		p = path.Join(h.Sys, "block", disk, "holders")
	}

	list, err := os.ReadDir(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}

	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}

	return names, err
}

// mounts lists mount points by "major:minor". File systems with device numbers of their own, as btrfs has, are found by
// their source.
func (h kernel) mounts() (map[string][]string, error) {
	f, err := os.Open(path.Join(h.Proc, "self/mountinfo"))
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only

	list, err := mountinfo.GetMountsFromReader(f, nil)
	if err != nil {
		return nil, err
	}

	mounts := map[string][]string{}

	for _, m := range list {
		number := fmt.Sprintf("%d:%d", m.Major, m.Minor)

		if strings.HasPrefix(m.Source, h.Dev+"/") {
			if n := h.numberOf(m.Source); n != "" {
				number = n
			}
		}

		mounts[number] = append(mounts[number], m.Mountpoint)
	}

	return mounts, nil
}

// numberOf finds the "major:minor" of a device file.
func (h kernel) numberOf(device string) string {
	resolved, err := filepath.EvalSymlinks(device)
	if err != nil {
		return ""
	}

	b, err := os.ReadFile(path.Join(h.Sys, "class/block", filepath.Base(resolved), "dev"))
	if err != nil {
		return ""
	}

	return strings.TrimSpace(string(b))
}

// unescape undoes the octal escapes of /proc/swaps.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

func (h kernel) isSwap(device string) bool {
	b, err := os.ReadFile(path.Join(h.Proc, "swaps"))
	if err != nil {
		return false
	}

	for line := range strings.Lines(string(b)) {
		if name, _, _ := strings.Cut(line, " "); unescape(name) == device {
			return true
		}
	}

	return false
}

// content says what is on a disk, and whether a person would miss nothing of it.
func content(f *os.File) ([]string, bool) {
	info, err := blkid.Probe(f, blkid.WithSkipLocking(true))
	if err != nil {
		return []string{"cannot be read: " + err.Error()}, false
	}

	if info.Name == "" {
		size, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return []string{"cannot be read: " + err.Error()}, false
		}

		return remains(f, size)
	}

	list := []string{info.Name}
	talos := 0

	for _, p := range info.Parts {
		label := "a partition"
		if p.PartitionLabel != nil && *p.PartitionLabel != "" {
			label = *p.PartitionLabel
		}

		if slices.Contains([]string{"EFI", "BIOS", "BOOT", "META", "STATE", "EPHEMERAL"}, label) {
			talos++
		}

		list = append(list, strings.TrimSpace(label+" "+p.Name))
	}

	// Talos' own partitions, and none besides. META is what only Talos has.
	return list, len(info.Parts) == 0 && info.Name == "gpt" ||
		talos == len(info.Parts) && slices.ContainsFunc(list, func(s string) bool { return strings.HasPrefix(s, "META") })
}

// Unmount implements Host.
func (h kernel) Unmount(t *Target) error {
	return h.unmount(t, func(p string) error { return unix.Unmount(p, 0) })
}

func (h kernel) unmount(t *Target, unmount func(string) error) error {
	// The last one mounted first: one may lie in another.
	for _, u := range slices.Backward(t.Uses) {
		if u.Mount == "" || u.System {
			continue
		}

		if err := unmount(u.Mount); err != nil {
			return fmt.Errorf("unmount %s: %w", u.Mount, err)
		}
	}

	uses, err := h.uses(strings.ReplaceAll(strings.TrimPrefix(t.Path, h.Dev+"/"), "/", "!"), 0)
	t.Uses = uses

	return err
}
