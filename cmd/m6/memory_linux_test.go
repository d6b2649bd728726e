// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"talos-nanopi-m6/internal/fixture/diskimage"
	"talos-nanopi-m6/internal/inspect/gpt"
	"talos-nanopi-m6/internal/inspect/xfs"
)

// memoryCap is what docs/m6.md states: what m6 and the process that reads an initramfs take together, in bytes.
const memoryCap = 512 << 20

// peak is the most that a process has had in memory, in bytes, by its status in /proc, or 0 for one that has ended.
func peak(status string) int64 {
	b, _ := os.ReadFile(status)
	_, rest, _ := strings.Cut(string(b), "\nVmHWM:")
	n, _ := strconv.ParseInt(strings.Fields(rest + " 0")[0], 10, 64)

	return n << 10
}

// peaks watches a process and its children until it ends, and gives the sum of the most that each had in memory, in bytes. What
// the process itself had it leaves in the file status: it may end before it is seen.
func peaks(pid int, status string, ended <-chan error) (int64, error) {
	most := map[int]int64{}

	for {
		select {
		case err := <-ended:
			most[pid] = peak(status)

			sum := int64(0)
			for _, n := range most {
				sum += n
			}

			return sum, err
		case <-time.After(time.Millisecond):
		}

		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))

		var children []string

		for _, p := range threads {
			b, _ := os.ReadFile(p) // a thread may have ended
			children = append(children, strings.Fields(string(b))...)
		}

		for _, p := range children {
			// What it had before it became m6 was another program's.
			if name, err := os.Readlink("/proc/" + p + "/exe"); err == nil && name == os.Args[0] {
				n, _ := strconv.Atoi(p)
				most[n] = max(most[n], peak("/proc/"+p+"/status"))
			}
		}
	}
}

// frame is the start of a zstd frame with a window of 2^log bytes, and blocks of 128 KiB of one byte, four bytes each (RFC 8878,
// section 3.1.1).
func frame(log, blocks int, content byte) []byte {
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, byte(log-10) << 3}

	for n := range blocks {
		last := 0
		if n == blocks-1 {
			last = 1
		}

		header := 128<<10<<3 | 1<<1 | last
		b = append(b, byte(header), byte(header>>8), byte(header>>16), content)
	}

	return b
}

// archive is an initramfs of 2 KB with a root file system of 58 MB, and a window of 128 MiB.
func archive() []byte {
	const blocks = 440

	// A cpio archive's header (Documentation/driver-api/early-userspace/buffer-format.rst).
	head := fmt.Sprintf("070701%s%08x%s%08x%s", strings.Repeat("00000001", 6), blocks<<17, strings.Repeat("00000000", 4), len("rootfs.sqsh")+1, "00000000rootfs.sqsh\x00\x00\x00")

	f := frame(27, blocks, 0)
	raw := len(head) << 3

	return slices.Concat(f[:6], []byte{byte(raw), byte(raw >> 8), 0}, []byte(head), f[6:])
}

// seekable is a seekable file of frames of so many blocks of 128 KiB (zstd_seekable_compression_format.md 0.1.1).
func seekable(frames, blocks int) []byte {
	le := binary.LittleEndian

	var file, table []byte

	for n := range frames {
		f := frame(24, blocks, byte(n%255+1))
		file = append(file, f...)
		table = le.AppendUint32(le.AppendUint32(table, uint32(len(f))), uint32(blocks)<<17)
	}

	table = append(le.AppendUint32(table, uint32(frames)), 0, 0xb1, 0xea, 0x92, 0x8f)

	return append(le.AppendUint32(le.AppendUint32(file, 0x184d2a5e), uint32(len(table))), table...)
}

// bootAt is where a disk has its BOOT partition, in bytes.
func bootAt(t *testing.T, disk string) gpt.Partition {
	t.Helper()

	f, err := os.Open(disk)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // read only

	g, err := gpt.Read(f, diskimage.Size, 512)
	if err != nil {
		t.Fatal(err)
	}

	return g.Partitions[2]
}

// withInitramfs is a disk with another initramfs.
func withInitramfs(t *testing.T, content []byte) string {
	t.Helper()

	disk := diskImage(t, diskimage.Spec{})
	p := bootAt(t, disk)

	f, err := os.OpenFile(disk, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // a test

	x, err := xfs.Open(io.NewSectionReader(f, p.Offset, p.Size), p.Size)
	if err != nil {
		t.Fatal(err)
	}

	if err := x.Overwrite(io.NewOffsetWriter(f, p.Offset), "A/initramfs.xz", content); err != nil {
		t.Fatal(err)
	}

	return disk
}

func TestMemoryStaysBelowTheCapWhateverIsRead(t *testing.T) {
	small := diskimage.Spec{NoFiles: true, Small: true}

	shared := diskImage(t, diskimage.Spec{})
	if err := diskimage.ShareDirectories(shared, bootAt(t, shared).Offset, 100, 170_000); err != nil {
		t.Fatal(err)
	}

	sparse := small
	sparse.Size = 1 << 40

	kernel := make([]byte, 96<<20)
	copy(kernel, "MZ")
	copy(kernel[56:], "ARM\x64")

	manifest, err := json.Marshal(map[string]any{"layout": map[string]any{"regions": make([]struct{}, 8<<20)}})
	if err != nil {
		t.Fatal(err)
	}

	// A server that never ends, behind a disk's head.
	image, err := os.ReadFile(diskImage(t, diskimage.Spec{Size: 32 << 20, NoFiles: true, Small: true}))
	if err != nil {
		t.Fatal(err)
	}

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, err := w.Write(image)
		for b := bytes.Repeat([]byte("noise123"), 1<<17); err == nil; {
			_, err = w.Write(b)
		}
	}))
	defer server.Close()

	disk := diskImage(t, diskimage.Spec{})

	for name, c := range map[string]struct {
		args []string
		env  string
		code int
	}{
		"a sound image":            {[]string{"verify", disk}, "", exitDone},
		"a sparse disk of 1 TiB":   {[]string{"inspect", diskImage(t, sparse)}, "", exitDone},
		"a window of 128 MiB":      {[]string{"inspect", file(t, "a.zst", frame(27, 2000, 1))}, "", exitInput},
		"a window of 2 GiB":        {[]string{"inspect", file(t, "a.zst", frame(31, 100, 1))}, "", exitInput},
		"frames":                   {[]string{"inspect", file(t, "a.zst", seekable(96, 32))}, "GOMAXPROCS=64", exitInput},
		"frames of 64 MiB":         {[]string{"inspect", file(t, "a.zst", seekable(6, 512))}, "GOMAXPROCS=64", exitInput},
		"an initramfs":             {[]string{"verify", withInitramfs(t, archive())}, "", exitFailed},
		"shared directories (B2)":  {[]string{"verify", shared}, "", exitFailed},
		"a kernel of 96 MiB":       {[]string{"inspect", file(t, "Image", kernel)}, "", exitDone},
		"a manifest of 24 MB":      {[]string{"verify", "--manifest", file(t, "manifest.json", manifest), disk}, "", exitInput},
		"a key without end":        {[]string{"verify", "--key", "/dev/zero", disk}, "", exitFailed},
		"a setting without end":    {[]string{"flash", "--meta", "0xa=@/dev/zero", disk, blank(t, diskimage.Size)}, "", exitUsage},
		"a server without end":     {[]string{"flash", "--yes", "--no-verify", server.URL, blank(t, 256<<20)}, "", exitMedium},
		"flash to a large medium":  {[]string{"flash", "--yes", disk, blank(t, 1<<40)}, "", exitDone},
		"flash of frames":          {[]string{"flash", "--yes", "--no-verify", file(t, "a.zst", seekable(96, 32)), blank(t, 512<<20)}, "GOMAXPROCS=64", exitDone},
		"flash of 64 MiB frames":   {[]string{"flash", "--yes", "--no-verify", file(t, "a.zst", seekable(6, 512)), blank(t, 512<<20)}, "GOMAXPROCS=64", exitDone},
		"an index.json of 1 GiB":   {[]string{"inspect", layoutWith(t, 1<<30)}, "", exitInput},
		"a device tree of 256 MiB": {[]string{"inspect", longTree(t)}, "", exitInput},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], c.args...)
		status := filepath.Join(t.TempDir(), "status")
		cmd.Env = append(os.Environ(), mainEnv+"=1", statusEnv+"="+status, c.env)

		var say bytes.Buffer
		cmd.Stderr = &say

		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}

		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()

		most, _ := peaks(cmd.Process.Pid, status, ended)

		if code := cmd.ProcessState.ExitCode(); code != c.code {
			t.Errorf("%s: got exit code %d, want %d: %s", name, code, c.code, say.String())
		}

		if most == 0 || most > memoryCap {
			t.Errorf("%s: got %d MiB, want at most %d", name, most>>20, memoryCap>>20)
		}

		t.Logf("%s: %d MiB", name, most>>20)
	}
}

// layoutWith is an OCI layout with a long index.
func layoutWith(t *testing.T, size int64) string {
	t.Helper()

	dir := t.TempDir()
	for _, name := range []string{"oci-layout", "index.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	if err := os.Truncate(filepath.Join(dir, "index.json"), size); err != nil {
		t.Fatal(err)
	}

	return dir
}

// longTree is a file that begins as a device tree does.
func longTree(t *testing.T) string {
	t.Helper()

	p := file(t, "long.dtb", []byte("\xd0\x0d\xfe\xed\x10\x00\x00\x00"))
	if err := os.Truncate(p, 256<<20); err != nil {
		t.Fatal(err)
	}

	return p
}
