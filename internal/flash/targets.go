// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"bufio"
	"bytes"
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

	"github.com/siderolabs/go-blockdevice/v2/blkid"
	"github.com/siderolabs/go-blockdevice/v2/block"
)

// Target is a disk of this machine.
type Target struct {
	// Path is "/dev/sdb", say.
	Path string `json:"path"`
	// Size is in bytes.
	Size      int64  `json:"size"`
	Model     string `json:"model,omitempty"`
	Serial    string `json:"serial,omitempty"`
	Transport string `json:"transport,omitempty"`
	Removable bool   `json:"removable"`
	ReadOnly  bool   `json:"readOnly,omitempty"`
	// SectorSize is in bytes.
	SectorSize int `json:"sectorSize"`
	// Uses say where it is mounted, and what else holds it.
	Uses []Use `json:"uses,omitempty"`
	// Content is what is on it, in a few words.
	Content []string `json:"content,omitempty"`
	// Known says that there is nothing on it that a person would miss: nothing, or Talos.
	Known bool `json:"known"`
}

// Use is what holds a disk.
type Use struct {
	// By is the disk or the partition of it.
	By string `json:"by"`
	// Mount is where it is mounted; "" where another device or swap holds it, which Holder then names.
	Mount  string `json:"mount,omitempty"`
	Holder string `json:"holder,omitempty"`
	// System says that this machine runs from it.
	System bool `json:"system,omitempty"`
}

func (u Use) String() string {
	if u.Mount != "" {
		return u.By + " is mounted at " + u.Mount
	}

	return u.By + " is used by " + u.Holder
}

// Host is where the kernel tells of disks; a test has its own.
type Host struct {
	// Dev is /dev, Sys /sys, Proc /proc.
	Dev, Sys, Proc string
}

// ThisHost is the machine the program runs on.
var ThisHost = Host{"/dev", "/sys", "/proc"}

// systemMounts are those without which a machine does not run; what is mounted below /usr and so on counts as well.
var systemMounts = []string{"/", "/boot", "/boot/efi", "/efi", "/usr", "/var", "/etc", "/home", "/opt", "/srv", "/root", "/nix", "/gnu"}

// Targets lists the disks that could hold an image, the likely ones first: removable, then by name.
func (h Host) Targets() ([]Target, error) {
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

	slices.SortStableFunc(targets, func(a, b Target) int {
		if a.Removable != b.Removable {
			if a.Removable {
				return -1
			}

			return 1
		}

		return strings.Compare(a.Path, b.Path)
	})

	return targets, nil
}

// Target looks at one disk.
func (h Host) Target(device string) (Target, error) {
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
	t.Removable = number(dir, "removable") == 1
	t.ReadOnly = number(dir, "ro") == 1

	if n := number(dir, "queue/logical_block_size"); n > 0 {
		t.SectorSize = int(n)
	}

	h.properties(&t)

	if t.Transport == "usb" || t.Transport == "mmc" {
		t.Removable = true
	}

	if t.Uses, err = h.uses(name, 0); err != nil {
		return t, err
	}

	t.Content, t.Known = content(resolved)

	return t, nil
}

// properties fills in what go-blockdevice finds.
func (h Host) properties(t *Target) {
	dev, err := block.NewFromPath(t.Path)
	if err != nil {
		return
	}
	defer dev.Close() //nolint:errcheck // read only

	if p, err := dev.GetProperties(); err == nil {
		t.Model, t.Serial, t.Transport = p.Model, p.Serial, p.Transport
	}
}

// wholeDisk finds the disk a partition is on, or "".
func (h Host) wholeDisk(name string) string {
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
func (h Host) uses(name string, depth int) ([]Use, error) {
	mounts, err := h.mounts()
	if err != nil {
		return nil, err
	}

	names := []string{name}

	parts, err := filepath.Glob(path.Join(h.Sys, "block", name, "*", "partition"))
	if err != nil {
		return nil, err
	}

	for _, p := range parts {
		names = append(names, filepath.Base(filepath.Dir(p)))
	}

	var list []Use

	for _, n := range names {
		by := path.Join(h.Dev, strings.ReplaceAll(n, "!", "/"))

		for _, m := range mounts[h.number(name, n)] {
			list = append(list, Use{By: by, Mount: m, System: slices.Contains(systemMounts, m)})
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

	return list, nil
}

// number is a device's "major:minor".
func (h Host) number(disk, name string) string {
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

func (h Host) holders(disk, name string) ([]string, error) {
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

// mounts lists mount points by "major:minor" (proc_pid_mountinfo(5)). File systems with device numbers of their own, as
// btrfs has, are found by their source.
func (h Host) mounts() (map[string][]string, error) {
	f, err := os.Open(path.Join(h.Proc, "self/mountinfo"))
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only

	mounts := map[string][]string{}

	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) < 10 {
			continue
		}

		number, at := fields[2], unescape(fields[4])

		if k := slices.Index(fields, "-"); k > 0 && len(fields) > k+2 && strings.HasPrefix(fields[k+2], h.Dev+"/") {
			if n := h.numberOf(unescape(fields[k+2])); n != "" {
				number = n
			}
		}

		mounts[number] = append(mounts[number], at)
	}

	return mounts, nil
}

// numberOf finds the "major:minor" of a device file.
func (h Host) numberOf(device string) string {
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

// unescape undoes mountinfo's octal escapes.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

func (h Host) isSwap(device string) bool {
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
func content(device string) ([]string, bool) {
	info, err := blkid.ProbePath(device, blkid.WithSkipLocking(true))
	if err != nil {
		return []string{"cannot be read: " + err.Error()}, false
	}

	if info.Name == "" {
		if !blank(device) {
			return []string{"data of a kind that is not known"}, false
		}

		return nil, true
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

// blank says whether the start of a disk is: zeros, or ones as new flash may have.
func blank(device string) bool {
	f, err := os.Open(device)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // read only

	b := make([]byte, 1<<20)

	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}

	b = b[:n]

	return len(bytes.Trim(b, "\x00")) == 0 || len(bytes.Trim(b, "\xff")) == 0
}

// Refuse says why a disk must not be written to, or nil. force allows one with something unknown on it.
func (t Target) Refuse(imageSize int64, force bool) error {
	var errs []error

	add := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %w: "+format, append([]any{t.Path, ErrTarget}, args...)...))
	}

	for _, u := range t.Uses {
		switch {
		case u.System:
			add("this machine runs from it: %s", u)
		case u.Mount != "":
			add("%s: unmount it, or have it unmounted (--unmount)", u)
		default:
			add("%s: let go of it first", u)
		}
	}

	if t.ReadOnly {
		add("it is read-only (a write protect switch, or a worn-out card)")
	}

	if t.SectorSize != 512 {
		add("it has sectors of %d bytes: %w", t.SectorSize, ErrSectorSize)
	}

	if imageSize > t.Size {
		add("it has %d bytes, the image %d: %w", t.Size, imageSize, ErrTooSmall)
	}

	if !t.Known && !force {
		add("there is something on it that is not Talos': %s; to lose it, say so (--overwrite)", strings.Join(t.Content, ", "))
	}

	return errors.Join(errs...)
}

// Unmount unmounts everything of a disk that this machine does not run from.
func (t *Target) Unmount(h Host, unmount func(string) error) error {
	// The last one mounted first: one may lie in another.
	for _, u := range slices.Backward(t.Uses) {
		if u.Mount == "" || u.System {
			continue
		}

		if err := unmount(u.Mount); err != nil {
			return fmt.Errorf("unmount %s: %w", u.Mount, err)
		}
	}

	uses, err := h.uses(filepath.Base(t.Path), 0)
	t.Uses = uses

	return err
}
