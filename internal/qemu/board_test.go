// SPDX-License-Identifier: MPL-2.0

package qemu_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"talos-nanopi-m6/internal/qemu"
)

func TestTheBoardTakesItsMediaAndNoOthers(t *testing.T) {
	for d, want := range map[qemu.Disk]string{
		"":        "if=sd,index=0,format=raw,snapshot=on",
		qemu.SD:   "if=sd,index=0,format=raw,snapshot=on",
		qemu.EMMC: "if=sd,index=1,format=raw,snapshot=on",
		qemu.NVMe: "nvme,bus=m2m",
		qemu.USB:  "usb-storage,",
	} {
		if got := args(t, qemu.Options{Image: "x", Board: true, Disk: d}); !strings.Contains(got, want) {
			t.Errorf("%q: got %s, want %q in it", d, got, want)
		}
	}
}

func TestTheBoardsLoaderIsOnACardOrInFlash(t *testing.T) {
	for want, o := range map[string]qemu.Options{
		"if=sd,index=0,format=raw,snapshot=on,file=/x/card.raw": {Disk: qemu.NVMe, Card: "/x/card.raw"},
		"if=mtd,format=raw,snapshot=on,file=/x/flash.raw":       {Disk: qemu.USB, Flash: "/x/flash.raw"},
	} {
		o.Image, o.Board = "x", true
		if got := args(t, o); !strings.Contains(got, want) {
			t.Errorf("got %s, want %q in it", got, want)
		}
	}
}

func TestWhatNoBoardHasIsRefused(t *testing.T) {
	for _, o := range []qemu.Options{
		{Disk: qemu.Virtio},
		{CPUs: 2},
		{MemoryMiB: 1024},
		{MemoryMiB: 3072},
		{MemoryMiB: 64 << 10},
		{KVM: true},
		{Disk: qemu.SD, Card: "card.raw"},
		{Disk: qemu.EMMC, Flash: "flash.raw"},
		{Disk: qemu.NVMe, Card: "card.raw", Flash: "flash.raw"},
	} {
		o.Image, o.Board = "x", true

		if got, err := o.Args(); err == nil {
			t.Errorf("%+v: got %v, want an error", o, got)
		}
	}
}

func TestTheVirtMachineRefusesWhatOnlyTheBoardHas(t *testing.T) {
	for _, o := range []qemu.Options{{Disk: qemu.EMMC}, {Card: "card.raw"}, {Flash: "flash.raw"}, {CountInstructions: true}, {LEDs: func(qemu.LED) {}}} {
		o.Image = "x"

		if got, err := o.Args(); err == nil {
			t.Errorf("%+v: got %v, want an error", o, got)
		}
	}
}

func TestTheBoardsCardIsAsLargeAsTheSmallestThatIsMade(t *testing.T) {
	const want = 4 << 30

	image := filepath.Join(t.TempDir(), "image.raw")
	if err := os.WriteFile(image, []byte("an image"), 0o600); err != nil {
		t.Fatal(err)
	}

	m, err := qemu.Options{Image: image, Board: true, Disk: qemu.SD}.Prepare(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}

	st, err := os.Stat(m.Path)
	if err != nil {
		t.Fatal(err)
	}

	if m.Size != want || st.Size() != want {
		t.Errorf("got %d bytes (the file has %d), want %d", m.Size, st.Size(), int64(want))
	}

	if m.Path == image {
		t.Errorf("got the image itself enlarged, want a copy")
	}
}

func TestNoBoardStartsFromNVMeWithoutACard(t *testing.T) {
	o := stand(t, "exit 0")
	o.Board, o.Disk = true, qemu.NVMe

	if m, err := qemu.Start(t.Context(), o, qemu.Consoles{}, t.TempDir()); err == nil {
		m.Stop()
		t.Error("got a machine, want an error: nothing the mask ROM reads has a loader")
	}
}

func TestLEDsAreReadFromWhatQEMUSays(t *testing.T) {
	var (
		mu   sync.Mutex
		seen []qemu.LED
	)

	o := stand(t, `echo U-Boot
echo 'nanopi_m6_led sys_led 1 at 12 ms' >&2
printf 'board fault: watch' >&2
echo 'dog' >&2
echo 'nanopi_m6_led user_led 0 at 1034 ms' >&2
exit 70`)
	o.Board = true
	o.LEDs = func(l qemu.LED) {
		mu.Lock()
		defer mu.Unlock()

		seen = append(seen, l)
	}

	var console bytes.Buffer

	m, err := qemu.Start(t.Context(), o, qemu.Consoles{Board: &console}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}

	<-m.Done()

	want := []qemu.LED{{Name: "sys_led", On: true, At: 12 * time.Millisecond}, {Name: "user_led", At: 1034 * time.Millisecond}}
	if len(seen) != 2 || seen[0] != want[0] || seen[1] != want[1] {
		t.Errorf("got %v, want %v", seen, want)
	}

	if got := console.String(); got != "U-Boot\n" {
		t.Errorf("got the console %q, want U-Boot's line", got)
	}

	if got := m.Err(); got == nil || !strings.HasSuffix(got.Error(), "board fault: watchdog") {
		t.Errorf("got %v, want the fault and no LED in it", got)
	}
}
