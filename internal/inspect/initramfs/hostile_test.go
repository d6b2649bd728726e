// SPDX-License-Identifier: MPL-2.0

package initramfs

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cavaliergopher/cpio"
)

func TestMain(m *testing.M) {
	Confined()

	if os.Getenv("M6_TEST_ALLOCATE") != "" {
		allocate()
	}

	os.Exit(m.Run())
}

// archive packs files as an initramfs is.
func archive(t testing.TB, files map[string][]byte) []byte {
	t.Helper()

	var b bytes.Buffer

	w := cpio.NewWriter(&b)

	for name, content := range files {
		if err := w.WriteHeader(&cpio.Header{Name: name, Mode: 0o100644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}

		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return b.Bytes()
}

// read reads an initramfs in a process of its own.
func read(t testing.TB, b []byte) (*Rootfs, error) {
	t.Helper()

	f, err := os.Create(filepath.Join(t.TempDir(), "initramfs"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // a test

	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}

	return Read(t.Context(), f)
}

// squashHeader is a super block of a squashfs (Documentation/filesystems/squashfs.rst) that claims things.
func squashHeader(change func(b []byte)) []byte {
	b := make([]byte, 4096)
	le := binary.LittleEndian

	le.PutUint32(b, 0x73717368)
	le.PutUint32(b[12:], 131072) // block size
	le.PutUint16(b[20:], 1)      // gzip
	le.PutUint16(b[22:], 17)     // block log
	le.PutUint16(b[28:], 4)      // version 4.0
	le.PutUint64(b[40:], 4096)
	le.PutUint64(b[56:], 0xffffffffffffffff)

	for at := 48; at < 96; at += 8 {
		if at != 56 {
			le.PutUint64(b[at:], 96)
		}
	}

	change(b)

	return b
}

func TestAHostileRootFileSystemTakesNoMoreThanItMay(t *testing.T) {
	le := binary.LittleEndian

	for name, b := range map[string][]byte{
		"nothing":               nil,
		"noise":                 bytes.Repeat([]byte("noise"), 1000),
		"no rootfs":             archive(t, map[string][]byte{"init": []byte("x")}),
		"no squashfs":           archive(t, map[string][]byte{"rootfs.sqsh": bytes.Repeat([]byte("x"), 5000)}),
		"empty squashfs":        archive(t, map[string][]byte{"rootfs.sqsh": squashHeader(func([]byte) {})}),
		"four billion inodes":   archive(t, map[string][]byte{"rootfs.sqsh": squashHeader(func(b []byte) { le.PutUint32(b[4:], 0xffffffff) })}),
		"four billion pieces":   archive(t, map[string][]byte{"rootfs.sqsh": squashHeader(func(b []byte) { le.PutUint32(b[16:], 0xffffffff) })}),
		"tables at the end":     archive(t, map[string][]byte{"rootfs.sqsh": squashHeader(func(b []byte) { le.PutUint64(b[64:], 1<<62) })}),
		"a block of four bytes": archive(t, map[string][]byte{"rootfs.sqsh": squashHeader(func(b []byte) { le.PutUint32(b[12:], 4); le.PutUint16(b[22:], 2) })}),
		"a name of four GiB":    []byte("070701" + strings.Repeat("00000001", 11) + "FFFFFFFF" + "00000000"),
	} {
		r, err := read(t, b)
		if err == nil {
			t.Errorf("%s: %+v: got no error, want one", name, r)
		}
	}
}

// allocate takes memory under the limits of the process that reads an initramfs, until it may not.
func allocate() {
	if err := limit(); err != nil {
		panic(err)
	}

	var all [][]byte

	for range 64 {
		b := make([]byte, 256<<20)
		for k := 0; k < len(b); k += 4096 {
			b[k] = 1
		}

		all = append(all, b)
	}

	os.Stdout.WriteString(string(rune(len(all)))) // never reached
	os.Exit(0)
}

func TestTheMemoryLimitHolds(t *testing.T) {
	p, err := os.StartProcess("/proc/self/exe", os.Args[:1], &os.ProcAttr{Env: append(os.Environ(), "M6_TEST_ALLOCATE=1")})
	if err != nil {
		t.Fatal(err)
	}

	st, err := p.Wait()
	if err != nil {
		t.Fatal(err)
	}

	usage, ok := st.SysUsage().(*syscall.Rusage)
	if st.Success() || !ok || usage.Maxrss > ConfinedMemory>>10+100<<10 {
		t.Errorf("16 GiB allocated: got %v with %d KiB resident, want a failure below %d KiB", st, usage.Maxrss, ConfinedMemory>>10)
	}
}
