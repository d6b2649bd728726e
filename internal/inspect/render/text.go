// SPDX-License-Identifier: MPL-2.0

package render

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/inspect/gpt"
	"talos-nanopi-m6/internal/inspect/kernel"
	"talos-nanopi-m6/internal/inspect/loader"
)

// writer collects lines under headings.
type writer struct {
	strings.Builder
}

func (w *writer) heading(s string) {
	if w.Len() > 0 {
		w.WriteString("\n")
	}

	w.WriteString(s + "\n")
}

// field writes a line if there is something to write.
func (w *writer) field(name, value string) {
	if value != "" {
		fmt.Fprintf(w, "  %-13s %s\n", name, value)
	}
}

func (w *writer) problems(list []string) {
	for _, p := range list {
		w.field("problem", p)
	}
}

// Text writes a report for people, with a map whose lines have about width cells.
func Text(out io.Writer, r *inspect.Report, width int) error {
	w := &writer{}

	w.heading(fmt.Sprintf("%s: %s", r.Source, r.Kind))

	if r.Size > 0 {
		size := fmt.Sprintf("%s (%d bytes)", Bytes(r.Size), r.Size)
		if r.FileSize != r.Size {
			size += fmt.Sprintf(", %s as %s", Bytes(r.FileSize), r.Format)
		}

		w.field("size", size)
	}

	w.problems(r.Problems)

	if r.Loader != nil {
		w.loader("boot loader", r.Loader)
	}

	if r.GPT != nil {
		w.gpt(r.GPT)
	}

	if r.EFI != nil {
		w.efi(r.EFI)
	}

	if r.Boot != nil {
		w.boot(r.Boot)
	}

	if r.Kernel != nil {
		w.heading("kernel")
		w.kernel(r.Kernel)
	}

	if r.DeviceTree != nil {
		w.heading("device tree")
		w.tree(*r.DeviceTree)
	}

	if r.Overlay != nil {
		w.overlay(r.Overlay)
	}

	if m := Map(r, width); m != "" {
		w.heading("map")
		w.WriteString(m)
	}

	_, err := io.WriteString(out, w.String())

	return err
}

func (w *writer) loader(title string, l *loader.Loader) {
	w.heading(fmt.Sprintf("%s (%s)", title, l.Medium))
	w.field("problem", l.Problem)

	for _, s := range l.Stages {
		w.field(s.Name, fmt.Sprintf("%s at byte %d, %s %s", Bytes(s.Size), l.IDBlockAt+s.Offset, l.HashName, s.Digest))
	}

	if len(l.Stages) > 0 {
		w.field("DDR blob", l.DDR.String())

		if l.DDR.Known != nil {
			w.field("", l.DDR.Known.File)
		}
	}

	w.field("SPL", l.SPL)
	w.field("U-Boot", l.UBoot)
	w.field("BL31 (TF-A)", l.BL31)

	if len(l.Images) > 0 {
		w.field("FIT", fmt.Sprintf("at byte %d, configuration %q", l.FITAt, l.Config))
	}

	for _, i := range l.Images {
		where := "no load address"
		if i.Load != nil {
			where = fmt.Sprintf("loads at %#x", *i.Load)
		}

		w.field("", fmt.Sprintf("%-10s %-10s %s, %s", i.Name, Bytes(i.Size), where, strings.Join(i.Hashes, " ")))
	}

	for _, n := range l.Notes {
		w.field("note", n)
	}

	for _, r := range l.Refused {
		w.field("passed over", r)
	}
}

func (w *writer) gpt(g *gpt.Table) {
	w.heading(fmt.Sprintf("partition table (GPT, sectors of %d bytes)", g.SectorSize))
	w.field("disk", g.DiskGUID)

	for _, p := range g.Partitions {
		aligned := ""
		if !p.Aligned {
			aligned = ", not aligned to 1 MiB"
		}

		w.field(fmt.Sprintf("%d %s", p.Number, p.Name), fmt.Sprintf("%-9s sectors %d to %d, %s%s", Bytes(p.Size), p.FirstLBA, p.LastLBA, typeName(p.Type), aligned))
	}

	if g.Moved {
		w.field("note", "the backup table is not at the disk's end: `m6 flash` or `sgdisk -e` moves it")
	}

	w.problems(g.Problems)

	for _, n := range g.Notes {
		w.field("note", n)
	}
}

func typeName(t string) string {
	switch t {
	case gpt.TypeEFI:
		return "EFI system"
	case gpt.TypeBIOS:
		return "BIOS boot"
	case gpt.TypeLinux:
		return "Linux"
	}

	return t
}

func (w *writer) efi(e *inspect.EFI) {
	w.heading("EFI partition")
	w.field("problem", e.Problem)

	for _, f := range e.Files {
		w.field(Bytes(f.Size), f.Path)
	}

	if e.Loader != "" {
		w.field("starts", fmt.Sprintf("%s (%s)", e.Loader, e.Machine))
	}

	if e.GRUB != nil {
		w.field("GRUB reads", e.GRUB.Prefix)
		w.field("after", strings.TrimSpace(e.GRUB.Config))
		w.field("problem", e.GRUB.Problem)
	}

	for _, t := range e.DeviceTrees {
		w.tree(t)
	}
}

func (w *writer) tree(t inspect.DeviceTree) {
	w.field("device tree", t.Path)
	w.field("model", t.Model)
	w.field("for boards", t.Boards)
	w.field("compatible", strings.Join(t.Compatible, ", "))
	w.field("console", t.Console)
	w.field("problem", t.Problem)
}

func (w *writer) boot(b *inspect.Boot) {
	w.heading("BOOT partition")
	w.problems(b.Problems)

	for _, e := range b.Entries {
		name := "entry"
		if e.Default {
			name = "default entry"
		}

		w.field(name, e.Name)
		w.field("arguments", strings.Join(e.Args, " "))
	}

	if b.Kernel != nil {
		w.kernel(b.Kernel)
	}

	if o := b.Rootfs; o != nil {
		w.field("system", strings.TrimSpace(o.Name+" "+o.Version))
		w.field("modules", fmt.Sprintf("%d for %s", o.Modules, cmp.Or(strings.Join(o.Releases, ", "), "no kernel")))
		w.field("extensions", strings.Join(o.Extensions, ", "))
	}
}

func (w *writer) kernel(k *kernel.Image) {
	w.field("kernel", cmp.Or(k.Release, "of unknown release"))
	w.field("", fmt.Sprintf("%s, %s", Bytes(k.Size), cmp.Or(k.Compression, "not compressed")))
	w.field("problem", k.Problem)
}

func (w *writer) overlay(o *inspect.Overlay) {
	for _, i := range o.Images {
		w.heading(strings.TrimSpace("overlay " + i.Platform))
		w.field("digest", i.Digest)

		for _, k := range slices.Sorted(maps.Keys(i.Annotations)) {
			w.field(strings.TrimPrefix(k, "org.opencontainers.image."), i.Annotations[k])
		}

		w.field("installers", strings.Join(i.Installers, ", "))
		w.field("profiles", strings.Join(i.Profiles, ", "))

		for _, f := range i.Files {
			w.field(Bytes(f.Size), f.Path)
		}

		for _, t := range i.DeviceTrees {
			w.tree(t)
		}

		w.problems(i.Problems)

		for _, p := range slices.Sorted(maps.Keys(i.Loaders)) {
			l := i.Loaders[p]
			w.loader(p, &l)
		}
	}
}
