// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// program is an ELF file with a loader, a dynamic section and nothing that runs.
func program(t *testing.T, o object) string {
	t.Helper()

	const header, prog, section, dyn = 64, 56, 64, 16

	text := []byte{0} // of names
	name := func(s string) uint64 {
		at := len(text)
		text = append(append(text, s...), 0)

		return uint64(at)
	}

	var entries []elf.Dyn64
	for _, n := range o.needed {
		entries = append(entries, elf.Dyn64{Tag: int64(elf.DT_NEEDED), Val: name(n)})
	}

	if len(o.runpath) > 0 {
		entries = append(entries, elf.Dyn64{Tag: int64(elf.DT_RUNPATH), Val: name(strings.Join(o.runpath, ":"))})
	}

	entries = append(entries, elf.Dyn64{})
	interpreter := append([]byte(o.interpreter), 0)

	atInterpreter := uint64(header + prog)
	atText := atInterpreter + uint64(len(interpreter))
	atEntries := atText + uint64(len(text))
	atSections := atEntries + uint64(len(entries)*dyn)

	segment := elf.Prog64{Type: uint32(elf.PT_INTERP), Off: atInterpreter, Filesz: uint64(len(interpreter))}
	if o.interpreter == "" {
		segment.Type = uint32(elf.PT_NULL)
	}

	var b bytes.Buffer

	for _, part := range []any{
		elf.Header64{
			Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1}, Type: uint16(elf.ET_DYN), Machine: uint16(o.machine),
			Version: 1, Phoff: header, Shoff: atSections, Ehsize: header, Phentsize: prog, Phnum: 1, Shentsize: section, Shnum: 3, Shstrndx: 1,
		},
		segment, interpreter, text, entries,
		[]elf.Section64{
			{},
			{Type: uint32(elf.SHT_STRTAB), Off: atText, Size: uint64(len(text))},
			{Type: uint32(elf.SHT_DYNAMIC), Off: atEntries, Size: uint64(len(entries) * dyn), Link: 1, Entsize: dyn},
		},
	} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}

	return b.String()
}

// root is a directory with these files; "name@target" is a symbolic link.
func root(t *testing.T, files map[string]string) string {
	t.Helper()

	dir := t.TempDir()

	for name, content := range files {
		name, target, link := strings.Cut(name, "@")
		file := filepath.Join(dir, name)

		err := os.MkdirAll(filepath.Dir(file), 0o755)
		if err == nil && link {
			err = os.Symlink(target, file)
		} else if err == nil {
			err = os.WriteFile(file, []byte(content), 0o644)
		}

		if err != nil {
			t.Fatal(err)
		}
	}

	return dir
}

func TestAClosedRootHasWhatItsProgramsLoad(t *testing.T) {
	arm64 := object{machine: elf.EM_AARCH64, interpreter: "/lib/ld-linux-aarch64.so.1", needed: []string{"libc.so.6"}}
	own := object{machine: elf.EM_AARCH64, needed: []string{"libown.so", "libc.so.6"}, runpath: []string{"/usr/lib/other", "/usr/lib/own"}}
	library := program(t, object{machine: elf.EM_AARCH64})
	sound := map[string]string{
		"lib@usr/lib":                         "",
		"usr/bin/init":                        program(t, arm64),
		"usr/bin/own":                         program(t, own),
		"usr/bin/text":                        "#!/bin/sh\n",
		"usr/bin/short":                       "\x7f",
		"usr/lib/ld-linux-aarch64.so.1":       library,
		"usr/lib/aarch64-linux-gnu/libc.so.6": library,
		"usr/lib/own/libown.so@libown.so.1":   "",
		"usr/lib/own/libown.so.1":             library,
		"usr/lib/modules/1/a.ko":              program(t, object{machine: elf.EM_X86_64, needed: []string{"nothing"}}),
		"etc/absolute@/usr/bin/../bin/init":   "",
	}

	if got, err := closed(root(t, sound)); err != nil || len(got) > 0 {
		t.Fatalf("a sound root: got faults %q (%v), want none", got, err)
	}

	for fault, change := range map[string]func(files map[string]string){
		"/usr/bin/init wants the loader /lib/ld-linux-aarch64.so.1": func(f map[string]string) { delete(f, "usr/lib/ld-linux-aarch64.so.1") },
		"/usr/bin/own wants the library libown.so":                  func(f map[string]string) { delete(f, "usr/lib/own/libown.so.1") },
		"/usr/lib/own/libown.so leads nowhere":                      func(f map[string]string) { delete(f, "usr/lib/own/libown.so.1") },
		"/usr/bin/init wants the library libc.so.6":                 func(f map[string]string) { delete(f, "usr/lib/aarch64-linux-gnu/libc.so.6") },
		"/usr/bin/other is not for AArch64":                         func(f map[string]string) { f["usr/bin/other"] = program(t, object{machine: elf.EM_X86_64}) },
		// The machine that builds has these; the root has not.
		"/etc/out leads nowhere":  func(f map[string]string) { f["etc/out@/proc/self/exe"] = "" },
		"/etc/up leads nowhere":   func(f map[string]string) { f["etc/up@../../../../../../proc/self/exe"] = "" },
		"/etc/loop leads nowhere": func(f map[string]string) { f["etc/loop@loop"] = "" },
	} {
		files := map[string]string{}
		for name, content := range sound {
			files[name] = content
		}

		change(files)

		if got, err := closed(root(t, files)); err != nil || !slices.Contains(got, fault) {
			t.Errorf("got faults %q (%v), want %q", got, err, fault)
		}
	}
}

func TestATornProgramIsAnError(t *testing.T) {
	whole := program(t, object{machine: elf.EM_AARCH64, needed: []string{"libc.so.6"}})

	if got, err := closed(root(t, map[string]string{"usr/bin/torn": whole[:len(whole)-70]})); err == nil || !strings.Contains(err.Error(), "/usr/bin/torn") {
		t.Errorf("got faults %q (%v), want an error that names /usr/bin/torn", got, err)
	}
}

func TestTheLastContextThatMatchesTheWholePathCounts(t *testing.T) {
	dir := root(t, map[string]string{
		"file_contexts":               "# a comment\n\n/ rootfs_t\n/usr(/.*)? usr_t\n/usr/s?bin(/.*)? bin_exec_t\n/usr/bin/modprobe -- modprobe_exec_t\n/usr/lib|/etc lib_t\n",
		"root/usr/bin/modprobe":       "",
		"root/usr/sbin/modprobe@../x": "",
		"root/usr/bin2/modprobe":      "",
		"root/usr/lib/a":              "",
		"root/etc/b":                  "",
	})

	contexts, err := readContexts(filepath.Join(dir, "file_contexts"))
	if err != nil {
		t.Fatal(err)
	}

	var got strings.Builder
	if err := writeLabels(&got, filepath.Join(dir, "root"), contexts); err != nil {
		t.Fatal(err)
	}

	var want strings.Builder

	for _, line := range []string{
		"/ rootfs_t", "/etc lib_t", "/usr usr_t", "/usr/bin bin_exec_t", "/usr/bin/modprobe modprobe_exec_t", "/usr/bin2 usr_t", "/usr/bin2/modprobe usr_t",
		"/usr/lib lib_t", "/usr/lib/a usr_t", "/usr/sbin bin_exec_t", "/usr/sbin/modprobe bin_exec_t",
	} {
		path, kind, _ := strings.Cut(line, " ")
		want.WriteString("# file: " + path + "\nsecurity.selinux=\"system_u:object_r:" + kind + ":s0\"\n\n")
	}

	if got.String() != want.String() {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want.String())
	}

	// A modprobe that is a link gets the type of every other program.
	if got := kindOf(contexts, "/usr/bin/modprobe", false); got != "bin_exec_t" {
		t.Errorf("a link: got %s, want bin_exec_t", got)
	}
}

func TestAContextThatSaysNothingIsRefused(t *testing.T) {
	for _, text := range []string{"/usr", "/usr -d usr_t", "/usr ( usr_t", "/usr( usr_t"} {
		file := filepath.Join(root(t, map[string]string{"c": text}), "c")
		if got, err := readContexts(file); err == nil || !strings.Contains(err.Error(), file+":1") {
			t.Errorf("%q: got %v, %v; want an error that names the line", text, got, err)
		}
	}
}
