// SPDX-License-Identifier: MPL-2.0

package qemu_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"talos-nanopi-m6/internal/qemu"
)

func args(t *testing.T, o qemu.Options) string {
	t.Helper()

	a, err := o.Args()
	if err != nil {
		t.Fatal(err)
	}

	return strings.Join(a, " ")
}

func TestTheImageIsNeverWrittenTo(t *testing.T) {
	for _, d := range qemu.Disks {
		if a := args(t, qemu.Options{Image: "/images/a,b.raw", Disk: d}); !strings.Contains(a, "format=raw,snapshot=on,file=/images/a,,b.raw") {
			t.Errorf("%s: %s, want %q", d, a, "format=raw,snapshot=on,file=/images/a,,b.raw")
		}
	}
}

func TestEveryDiskHasADeviceOfItsKind(t *testing.T) {
	for d, want := range map[qemu.Disk]string{
		"":          "virtio-blk-pci,drive=disk",
		qemu.Virtio: "virtio-blk-pci,drive=disk",
		qemu.NVMe:   "nvme,drive=disk",
		qemu.SD:     "sd-card,drive=disk",
		qemu.USB:    "usb-storage,drive=disk",
	} {
		if a := args(t, qemu.Options{Image: "x", Disk: d}); !strings.Contains(a, want) {
			t.Errorf("%q: no %q in %s", d, want, a)
		}
	}
}

func TestTheBoardsConsoleIsTheThirdPort(t *testing.T) {
	if a := args(t, qemu.Options{Image: "x"}); !strings.Contains(a, "fd=3,set=1") || !strings.Contains(a, "chardev3=board") {
		t.Errorf("got %v, want %q and %q", a, "fd=3,set=1", "chardev3=board")
	}

	if a := args(t, qemu.Options{Image: "x", Interactive: true}); !strings.Contains(a, "mux=on") || !strings.Contains(a, "chardev3=console") {
		t.Errorf("got %v, want %q and %q", a, "mux=on", "chardev3=console")
	}
}

func TestTheAPIIsForwardedFromLoopbackOnly(t *testing.T) {
	if a := args(t, qemu.Options{Image: "x", APIPort: 4242}); !strings.Contains(a, "hostfwd=tcp:127.0.0.1:4242-:50000") {
		t.Errorf("got %v, want %q", a, "hostfwd=tcp:127.0.0.1:4242-:50000")
	}

	if a := args(t, qemu.Options{Image: "x"}); strings.Contains(a, "hostfwd") {
		t.Errorf("got %s, want no forwarded port", a)
	}
}

func TestValuesQEMUWouldMisreadAreRefused(t *testing.T) {
	for _, o := range []qemu.Options{
		{},
		{Image: "x", Disk: "floppy"},
		{Image: "x", CPUs: 9},
		{Image: "x", CPUs: -1},
		{Image: "x", MemoryMiB: 64},
		{Image: "x", APIPort: 70000},
	} {
		if a, err := o.Args(); err == nil {
			t.Errorf("%+v: %v: got no error, want one", o, a)
		}
	}
}

// stand writes a program that takes QEMU's place and a firmware for it.
func stand(t *testing.T, script string) qemu.Options {
	t.Helper()

	dir := t.TempDir()
	o := qemu.Options{
		Program:  filepath.Join(dir, "qemu"),
		Firmware: filepath.Join(dir, "u-boot.bin"),
		Image:    filepath.Join(dir, "image.raw"),
	}

	for path, content := range map[string]string{o.Program: "#!/bin/sh\n" + script, o.Firmware: "", o.Image: "x"} {
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil { // one of them is run
			t.Fatal(err)
		}
	}

	return o
}

func start(t *testing.T, ctx context.Context, o qemu.Options) (*qemu.Machine, *qemu.Transcript) { // t first is the habit
	t.Helper()

	tr := qemu.NewTranscript(time.Now(), nil)

	m, err := qemu.Start(ctx, o, qemu.Consoles{Firmware: tr.Writer(qemu.Firmware), Board: tr.Writer(qemu.TTYS2)}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}

	return m, tr
}

func TestBothConsolesAreCaptured(t *testing.T) {
	m, tr := start(t, t.Context(), stand(t, `printf 'U-Boot 2025.01\r\n'; printf '\033[1mLinux version\033[0m\r\n' >&3`))
	<-m.Done()

	if m.Err() != nil {
		t.Fatal(m.Err())
	}

	got := tr.Lines()
	slices.SortFunc(got, func(a, b qemu.Line) int { return strings.Compare(string(a.Port), string(b.Port)) })

	if len(got) != 2 || got[0].Text != "U-Boot 2025.01" || got[0].Port != qemu.Firmware ||
		got[1].Text != "Linux version" || got[1].Port != qemu.TTYS2 {
		t.Fatalf("got %+v, want U-Boot's line and the kernel's on ttyS2", got)
	}
}

func TestAFailingQEMUIsQuoted(t *testing.T) {
	m, _ := start(t, t.Context(), stand(t, `echo "invalid SD card size" >&2; exit 1`))
	<-m.Done()

	if m.Err() == nil || !strings.Contains(m.Err().Error(), "invalid SD card size") {
		t.Fatalf("got %v, want what QEMU complained of", m.Err())
	}
}

func TestQEMUEndsWithItsContextEvenIfItIgnoresSIGTERM(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())

	m, tr := start(t, ctx, stand(t, `trap '' TERM; echo up; while :; do read -r x <&0 || :; done`))

	for len(tr.Lines()) == 0 {
		time.Sleep(time.Millisecond)
	}

	cancel()

	select {
	case <-m.Done():
	case <-time.After(time.Minute):
		t.Fatal("got a machine that still runs, want its end")
	}
}

func TestMissingFirmwareAndProgramNameThePackage(t *testing.T) {
	o := stand(t, "")

	for want, spoil := range map[string]func(*qemu.Options){
		"u-boot-qemu":     func(o *qemu.Options) { o.Firmware += ".gone" },
		"qemu-system-arm": func(o *qemu.Options) { o.Program += ".gone" },
	} {
		spoilt := o
		spoil(&spoilt)

		if _, err := qemu.Start(t.Context(), spoilt, qemu.Consoles{}, t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

func TestTranscriptKeepsUnfinishedAndEndlessLines(t *testing.T) {
	tr := qemu.NewTranscript(time.Now(), nil)
	w := tr.Writer(qemu.TTYS2)

	if _, err := w.Write(bytes.Repeat([]byte("x"), 20_000)); err != nil {
		t.Fatal(err)
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	total := 0
	for _, l := range tr.Lines() {
		total += len(l.Text)
	}

	if total != 20_000 || len(tr.Lines()) != 3 {
		t.Fatalf("got %d bytes in %d lines, want 20000 in 3", total, len(tr.Lines()))
	}
}

func TestTranscriptTakesBothConsolesAtOnce(t *testing.T) {
	tr := qemu.NewTranscript(time.Now(), nil)

	var wg sync.WaitGroup

	for _, p := range []qemu.Port{qemu.Firmware, qemu.TTYS2} {
		wg.Go(func() {
			w := tr.Writer(p)
			for range 1000 {
				_, _ = w.Write([]byte("a line\n"))
			}
		})
	}

	wg.Wait()

	if n := len(tr.Lines()); n != 2000 {
		t.Fatalf("got %d lines, want 2000", n)
	}
}

func TestMediumIsTheImageItselfWhereItCanBe(t *testing.T) {
	dir := t.TempDir()
	raw := filepath.Join(dir, "metal-arm64.raw")

	if err := os.WriteFile(raw, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}

	for disk, want := range map[qemu.Disk]int64{qemu.Virtio: 3 << 20, qemu.NVMe: 3 << 20, qemu.USB: 3 << 20, qemu.SD: 4 << 20} {
		m, err := qemu.Options{Image: raw, Disk: disk}.Prepare(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}

		if m.Size != want || (m.Path == raw) != (disk != qemu.SD) {
			t.Errorf("%s: got %+v, want %d bytes, in another file for SD alone", disk, m, want)
		}
	}
}

func TestMediumIsDecodedFromACompressedImage(t *testing.T) {
	raw := bytes.Repeat([]byte("nanopi"), 200_000)

	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}

	path := filepath.Join(t.TempDir(), "metal-arm64.raw.zst")
	if err := os.WriteFile(path, e.EncodeAll(raw, nil), 0o600); err != nil {
		t.Fatal(err)
	}

	m, err := qemu.Options{Image: path, Disk: qemu.Virtio}.Prepare(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}

	if got, err := os.ReadFile(m.Path); err != nil || !bytes.Equal(got, raw) {
		t.Fatalf("got %d bytes, %v; want the image's %d", len(got), err, len(raw))
	}
}

func TestAnEmptyImageIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.raw")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	for _, d := range qemu.Disks {
		if _, err := (qemu.Options{Image: path, Disk: d}).Prepare(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "empty.raw") {
			t.Errorf("%s: got %v, want %q", d, err, "empty.raw")
		}
	}
}
