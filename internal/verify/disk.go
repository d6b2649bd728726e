// SPDX-License-Identifier: MPL-2.0

package verify

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/inspect/gpt"
	"talos-nanopi-m6/internal/inspect/grub"
	"talos-nanopi-m6/internal/inspect/kernel"
)

// disk checks what U-Boot, GRUB and the kernel need.
func (l *list) disk(r *inspect.Report) {
	if r.GPT == nil {
		l.add("gpt", Fail, "%s", strings.Join(r.Problems, "; "))

		return
	}

	l.gpt(r.GPT)
	l.placement(r)
	l.partitions(r.GPT)

	if r.EFI != nil {
		l.efi(r.EFI)
	}

	if r.Boot != nil {
		l.boot(r.Boot)
	}
}

func (l *list) gpt(g *gpt.Table) {
	switch {
	case len(g.Problems) > 0:
		l.add("gpt", Fail, "%s", strings.Join(g.Problems, "; "))
	case g.Moved:
		l.add("gpt", Warn, "both tables are sound and the same, but the backup is not at the disk's end: m6 flash moves it, and so does sgdisk -e")
	case len(g.Notes) > 0:
		l.add("gpt", Warn, "both tables are sound and the same; %s", strings.Join(g.Notes, "; "))
	default:
		l.add("gpt", Pass, "both tables are sound and the same")
	}
}

// partitions checks that what Talos needs is there.
func (l *list) partitions(g *gpt.Table) {
	var names, crooked []string

	for _, p := range g.Partitions {
		names = append(names, p.Name)

		if !p.Aligned {
			crooked = append(crooked, p.Name)
		}
	}

	var missing, double []string

	// Who looks for one takes the first, or the last.
	for _, n := range []string{"EFI", "BOOT", "META", "STATE", "EPHEMERAL"} {
		switch count := len(slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s != n })); {
		case count > 1:
			double = append(double, n)
		case count == 0 && n != "STATE" && n != "EPHEMERAL":
			missing = append(missing, n)
		}
	}

	systems := 0

	for _, p := range g.Partitions {
		if p.Type == gpt.TypeEFI {
			systems++
		}
	}

	if systems > 1 {
		double = append(double, "EFI system partition (by type)")
	}

	switch {
	case len(double) > 0:
		l.add("partitions", Fail, "more than one %s among %s: firmware, GRUB and Talos may each take another one", strings.Join(double, ", "), strings.Join(names, ", "))
	case len(missing) > 0:
		l.add("partitions", Fail, "no partition %s among %s", strings.Join(missing, ", "), strings.Join(names, ", "))
	case len(crooked) > 0:
		l.add("partitions", Warn, "%s not aligned to 1 MiB: flash is slower that way", strings.Join(crooked, ", "))
	default:
		l.add("partitions", Pass, "%s, aligned", strings.Join(names, ", "))
	}
}

func (l *list) efi(e *inspect.EFI) {
	if e.Problem != "" {
		l.add("efi.filesystem", Fail, "%s", e.Problem)

		return
	}

	l.add("efi.filesystem", Pass, "%d files; both allocation tables are the same and fit the files", len(e.Files))

	switch {
	case e.Loader == "":
		l.add("efi.loader", Fail, "no EFI/BOOT/BOOTAA64.EFI: U-Boot finds nothing to start")
	case e.Machine != "arm64":
		l.add("efi.loader", Fail, "%s is for %s, not arm64", e.Loader, e.Machine)
	default:
		l.add("efi.loader", Pass, "%s, for arm64", e.Loader)
	}

	if e.GRUB != nil {
		l.grub(e.GRUB)
	}

	if t := treeAt(e, board.DeviceTree); t != nil {
		l.tree("efi.devicetree", *t, board.FirstRevision)
	} else {
		l.add("efi.devicetree", Fail, "no %s: U-Boot starts the kernel with its own device tree", board.DeviceTree)
	}

	// Images from before a later revision have no tree of it; such a board starts with U-Boot's own then.
	for _, name := range board.DeviceTrees[1:] {
		if t := treeAt(e, path.Join(board.DeviceTreeFolder, name)); t != nil {
			revision := board.Revision(name)
			l.tree("efi.devicetree."+strings.ToLower(revision), *t, revision)
		}
	}
}

func treeAt(e *inspect.EFI, path string) *inspect.DeviceTree {
	i := slices.IndexFunc(e.DeviceTrees, func(t inspect.DeviceTree) bool { return strings.EqualFold(t.Path, path) })
	if i < 0 {
		return nil
	}

	return &e.DeviceTrees[i]
}

// grub checks that GRUB finds BOOT on the disk it is on, whatever other disks there are.
func (l *list) grub(g *grub.Image) {
	numbered := cmp.Or(grub.NumberedDisk(g.Prefix), grub.NumberedDisk(g.Config))

	switch {
	case g.Problem != "":
		l.add("efi.grub", Fail, "%s", g.Problem)
	case numbered != "":
		l.add("efi.grub", Fail, "GRUB looks for BOOT on %s, whichever disk that is: with another disk attached it may stop at its prompt", numbered)
	case strings.HasPrefix(g.Prefix, "(,"):
		l.add("efi.grub", Pass, "takes %s of the disk it was loaded from", g.Prefix)
	case strings.Contains(g.Config, "search.fs_uuid"):
		l.add("efi.grub", Warn, "GRUB takes the first file system with the UUID of BOOT, which every disk with the same image has: attach no second one")
	default:
		l.add("efi.grub", Warn, "GRUB looks for BOOT at %q: on which disk that is, is not known", g.Prefix)
	}
}

// tree checks that a device tree is this board's, and for the boards that U-Boot takes it for. It says first which.
func (l *list) tree(name string, t inspect.DeviceTree, boards string) {
	switch {
	case t.Problem != "":
		l.add(name, Fail, "%s", t.Problem)
	case t.TotalSize != t.Size:
		l.add(name, Fail, "its header says %d bytes, the file has %d", t.TotalSize, t.Size)
	case t.Boards == "":
		l.add(name, Fail, "for %q, not for %s: another board's", strings.Join(t.Compatible, ", "), board.Compatible[0])
	case t.Boards != boards:
		l.add(name, Fail, "U-Boot takes it for %s, and it is the tree of %s (%s)", boards, t.Boards, t.Model)
	default:
		l.add(name, Pass, "%s: %s (%s)", boards, t.Model, strings.Join(t.Compatible, ", "))
	}
}

func (l *list) boot(b *inspect.Boot) {
	if !b.Consistent {
		l.add("boot.filesystem", Fail, "%s", strings.Join(b.Problems, "; "))

		return
	}

	if len(b.NewerThanGRUB) > 0 {
		l.add("boot.filesystem", Warn, "%d files; all metadata has its checksums; but GRUB 2.12 and older stop at their prompt before a file system with %s",
			len(b.Files), strings.Join(b.NewerThanGRUB, " and "))
	} else {
		l.add("boot.filesystem", Pass, "%d files; all metadata has its checksums", len(b.Files))
	}

	if b.Unjudged != "" {
		l.add("boot.grub", Fail, "cannot be judged: %s", b.Unjudged)

		return
	}

	k := slices.IndexFunc(b.Entries, func(e grub.Entry) bool { return e.Default })
	if k < 0 || b.Kernel == nil || b.Rootfs == nil {
		l.add("boot.grub", Fail, "%s", strings.Join(append(b.Problems, "GRUB cannot start its default entry"), "; "))

		if b.Kernel != nil {
			l.kernel(b.Kernel)
		}

		return
	}

	e := b.Entries[k]

	if b.NumberedDisk != "" {
		l.add("boot.grub", Fail, "grub.cfg names the disk %s, whichever that is: with another disk attached it may be the wrong one", b.NumberedDisk)

		return
	}

	l.add("boot.grub", Pass, "%q starts %s with %s", e.Name, e.Kernel, e.Initrd)
	l.arguments(e.Args)
	l.kernel(b.Kernel)
	l.modules(b)
}

// arguments checks those of the kernel that this board and Talos need.
func (l *list) arguments(args []string) {
	l.expect("boot.platform", slices.Contains(args, "talos.platform=metal"),
		"talos.platform=metal", "no talos.platform=metal: Talos does not start without")

	last := ""

	for _, a := range args {
		if strings.HasPrefix(a, "console=") {
			last = a
		}
	}

	switch {
	case slices.Contains(args, board.Console) && last == board.Console:
		l.add("boot.console", Pass, "%s, the last one", board.Console)
	case slices.Contains(args, board.Console):
		l.add("boot.console", Warn, "%s is not the last console: Talos' own log goes to %s", board.Console, last)
	default:
		l.add("boot.console", Warn, "no %s: the board's serial console stays silent from the kernel on", board.Console)
	}
}

func (l *list) kernel(k *kernel.Image) {
	switch {
	case k.Problem != "":
		l.add("kernel", Fail, "%s", k.Problem)
	case k.Release == "":
		l.add("kernel", Warn, "an arm64 kernel that EFI can start, but without a version")
	default:
		l.add("kernel", Pass, "arm64, EFI, %s", k.Release)
	}
}

// modules checks that they are this kernel's.
func (l *list) modules(b *inspect.Boot) {
	o, release := b.Rootfs, b.Kernel.Release
	magic, _, _ := strings.Cut(o.Vermagic, " ")

	switch {
	case len(o.Releases) != 1 || o.Releases[0] != release:
		l.add("modules", Fail, "for kernel %s, and the kernel is %s", strings.Join(o.Releases, ", "), release)
	case o.Modules > 0 && magic != release:
		l.add("modules", Fail, "in the directory of %s, but built for %q", release, magic)
	default:
		l.add("modules", Pass, "%d, for %s", o.Modules, release)
	}

	if o.Version == "" {
		l.add("talos", Warn, "the system does not say its version")
	} else {
		l.add("talos", Pass, "%s %s", o.Name, o.Version)
	}
}
