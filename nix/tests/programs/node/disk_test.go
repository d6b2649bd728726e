// SPDX-License-Identifier: MPL-2.0

//go:build life

package node_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func command(t *testing.T, name string, args ...string) []byte {
	t.Helper()

	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}

	return out
}

// empty makes a file of zeros, size in bytes.
func empty(t *testing.T, name string, size int64) string {
	t.Helper()

	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}

	return name
}

func copied(t *testing.T, from, to string) {
	t.Helper()
	command(t, "cp", "--sparse=always", "--remove-destination", from, to)
}

func sum(t *testing.T, name string) string {
	t.Helper()

	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // was only read

	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}

	return fmt.Sprintf("%x", h.Sum(nil))
}

// head is the start of a file, of that many bytes.
func head(t *testing.T, name string, bytes int64) string {
	t.Helper()

	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // was only read

	content, err := io.ReadAll(io.LimitReader(f, bytes))
	if err != nil {
		t.Fatal(err)
	}

	return string(content)
}

// partition gives where a partition starts and ends, in bytes.
func partition(t *testing.T, disk string, number int) (start, end int64) {
	t.Helper()

	m := regexp.MustCompile(`First sector: (\d+)[^$]*Last sector: (\d+)`).FindSubmatch(command(t, "sgdisk", fmt.Sprintf("--info=%d", number), disk))
	if m == nil {
		t.Fatalf("%s has no partition %d", disk, number)
	}

	var first, last int64
	if _, err := fmt.Sscan(string(m[1])+" "+string(m[2]), &first, &last); err != nil {
		t.Fatal(err)
	}

	return first * 512, (last + 1) * 512
}

// system is what GRUB would start: the kernel's arguments, and the digests of kernel and initramfs.
type system struct{ arguments, kernel, initramfs string }

// entry is one of GRUB's menu: names of files on BOOT.
type entry struct{ name, kernel, arguments, initramfs string }

var (
	menuDefault = regexp.MustCompile(`set default="([^"]+)"`)
	menuEntry   = regexp.MustCompile(`(?s)menuentry "([^"]+)" \{.*?linux (\S+)([^\n]*)\n.*?initrd (\S+)`)
)

// grubReads gives a file of a disk as GRUB reads it, with GRUB's own code, which knows no journal.
func grubReads(disk, name string) ([]byte, error) {
	var complaint bytes.Buffer

	cmd := exec.Command("grub-fstest", disk, "cat", name)
	cmd.Stderr = &complaint

	out, err := cmd.Output()
	if err != nil || complaint.Len() > 0 {
		return nil, fmt.Errorf("%s: %v %s", name, err, complaint.String())
	}

	return out, nil
}

// onBoot is GRUB's name of a file of BOOT.
func onBoot(name string) string { return "(loop0,gpt3)" + name }

// menu gives the name of the default and the entries of a disk's menu.
func menu(disk string) (chosen string, entries []entry, err error) {
	config, err := grubReads(disk, onBoot("/grub/grub.cfg"))
	if err != nil {
		return "", nil, err
	}

	m := menuDefault.FindSubmatch(config)
	if m == nil {
		return "", nil, fmt.Errorf("grub.cfg names no default: %q", config)
	}

	for _, e := range menuEntry.FindAllStringSubmatch(string(config), -1) {
		entries = append(entries, entry{e[1], e[2], e[3], e[4]})
	}

	return string(m[1]), entries, nil
}

// started gives what GRUB would start.
func started(disk string) (system, error) {
	chosen, entries, err := menu(disk)
	if err != nil {
		return system{}, err
	}

	n := slices.IndexFunc(entries, func(e entry) bool { return e.name == chosen })
	if n < 0 {
		return system{}, fmt.Errorf("grub.cfg has no entry %q: %q", chosen, entries)
	}

	digest := func(name string) string {
		var content []byte
		if err == nil {
			content, err = grubReads(disk, onBoot(name))
		}

		return fmt.Sprintf("%x", sha256.Sum256(content))
	}

	return system{entries[n].arguments, digest(entries[n].kernel), digest(entries[n].initramfs)}, err
}

// loader gives the digest of the EFI partition's program.
func loader(disk string) (string, error) {
	out, err := grubReads(disk, "(loop0,gpt1)/EFI/BOOT/BOOTAA64.EFI")

	return fmt.Sprintf("%x", sha256.Sum256(out)), err
}

const (
	// metaNumber is META's partition, of Talos' own layout.
	metaNumber = 4
	// metaCopy is how long each of META's two copies is, in bytes. Talos reads the second when the first is spoilt.
	metaCopy = 256 << 10
)

// metaCopies gives the digests of META's two copies.
func metaCopies(t *testing.T, disk string) []string {
	t.Helper()

	f, err := os.Open(disk)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // was only read

	start, _ := partition(t, disk, metaNumber)
	content := make([]byte, 2*metaCopy)

	if _, err := f.ReadAt(content, start); err != nil {
		t.Fatal(err)
	}

	return []string{fmt.Sprintf("%x", sha256.Sum256(content[:metaCopy])), fmt.Sprintf("%x", sha256.Sum256(content[metaCopy:]))}
}

// bootNumber is BOOT's partition, of Talos' own layout.
const bootNumber = 3

// fillBoot makes a disk's BOOT anew with the system that is started and room for half of another one.
func fillBoot(t *testing.T, disk string) {
	t.Helper()

	chosen, entries, err := menu(disk)
	if err != nil {
		t.Fatal(err)
	}

	before, err := started(disk)
	if err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}

		return path
	}
	read := func(name string) []byte {
		content, err := grubReads(disk, onBoot(name))
		if err != nil {
			t.Fatal(err)
		}

		return content
	}

	e := entries[slices.IndexFunc(entries, func(e entry) bool { return e.name == chosen })]
	kernel, initramfs := read(e.kernel), read(e.initramfs)

	// The smallest that mkfs.xfs makes. 64 MiB of it is its journal, and some MiB what holds it together.
	const size, own = 300 << 20, 68 << 20

	fill := empty(t, filepath.Join(dir, "fill"), size-own-int64(len(kernel)+len(initramfs))*3/2)
	boot := empty(t, filepath.Join(dir, "boot"), size)
	// Folders of one letter: A or B.
	proto := file("proto", fmt.Appendf(nil, `/
0 0
d--755 0 0
fill ---644 0 0 %s
%s d--755 0 0
%s ---644 0 0 %s
%s ---644 0 0 %s
$
grub d--755 0 0
grub.cfg ---644 0 0 %s
$
$
`, fill, e.kernel[1:2], filepath.Base(e.kernel), file("kernel", kernel), filepath.Base(e.initramfs), file("initramfs", initramfs),
		file("config", read("/grub/grub.cfg"))))

	// Some releases of mkfs.xfs spoil a file that does not fit into one allocation group.
	command(t, "mkfs.xfs", "-q", "-d", "agcount=2", "-c", "options=/usr/share/xfsprogs/mkfs/lts_6.12.conf", "-L", "BOOT", "-p", proto, boot)

	start, _ := partition(t, disk, bootNumber)
	command(t, "dd", "if="+boot, "of="+disk, "bs=1M", fmt.Sprintf("seek=%d", start), "oflag=seek_bytes", "conv=notrunc", "status=none")

	if got, err := started(disk); err != nil || got != before {
		t.Fatalf("got %v (%v) on the smaller BOOT, want %v", got, err, before)
	}
}

// exchangeDefault has GRUB take a disk's fallback for the default and the other way round, in grub.cfg itself: an editor would
// write it anew, but for that it has to be mounted.
func exchangeDefault(t *testing.T, disk string) {
	t.Helper()

	old, err := grubReads(disk, onBoot("/grub/grub.cfg"))
	if err != nil {
		t.Fatal(err)
	}

	lines := regexp.MustCompile(`(?s)set default="([^"]+)"(.*?)set fallback="([^"]+)"`)
	if !lines.Match(old) {
		t.Fatalf("got a grub.cfg without default and fallback, want both:\n%s", old)
	}

	changed := lines.ReplaceAll(old, []byte(`set default="$3"${2}set fallback="$1"`))

	f, err := os.OpenFile(disk, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // the comparison below looks

	// A file begins with a block. The file that was exchanged for this one, if it is the same, is nobody's.
	start, end := partition(t, disk, bootNumber)
	for block := make([]byte, len(old)); start+int64(len(block)) <= end; start += 4096 {
		if _, err := f.ReadAt(block, start); err != nil {
			t.Fatal(err)
		}

		if bytes.Equal(block, old) {
			if _, err := f.WriteAt(changed, start); err != nil {
				t.Fatal(err)
			}
		}
	}

	if got, err := grubReads(disk, onBoot("/grub/grub.cfg")); err != nil || !bytes.Equal(got, changed) {
		t.Fatalf("got this grub.cfg (%v), want default and fallback exchanged:\n%s", err, got)
	}
}
