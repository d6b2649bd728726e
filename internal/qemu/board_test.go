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

	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/qemu"
	"talos-nanopi-m6/internal/rockchip"
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

func TestWhatNoBoardHasIsRefused(t *testing.T) {
	for _, o := range []qemu.Options{
		{Disk: qemu.Virtio},
		{CPUs: 2},
		{MemoryMiB: 1024},
		{MemoryMiB: 3072},
		{MemoryMiB: 64 << 10},
		{KVM: true},
		{Disk: qemu.SD, Card: "card.raw"},
	} {
		o.Image, o.Board = "x", true

		if got, err := o.Args(); err == nil {
			t.Errorf("%+v: got %v, want an error", o, got)
		}
	}
}

func TestTheVirtMachineRefusesWhatOnlyTheBoardHas(t *testing.T) {
	for _, o := range []qemu.Options{{Disk: qemu.EMMC}, {Card: "card.raw"}, {CountInstructions: true}, {LEDs: func(qemu.LED) {}}} {
		o.Image = "x"

		if got, err := o.Args(); err == nil {
			t.Errorf("%+v: got %v, want an error", o, got)
		}
	}
}

// imageWithLoader is a raw image that has a loader where the mask ROM looks, and nothing else.
func imageWithLoader(t *testing.T) (path string, loader []byte) {
	t.Helper()

	loader = rockchiploader.Small.Image(rockchip.MMC)
	path = filepath.Join(t.TempDir(), "image.raw")

	if err := os.WriteFile(path, append(make([]byte, rockchip.MMC.FileStart), loader...), 0o600); err != nil {
		t.Fatal(err)
	}

	return path, loader
}

func TestABoardThatStartsFromNVMeHasTheImagesLoaderOnACard(t *testing.T) {
	image, loader := imageWithLoader(t)

	for _, disk := range []qemu.Disk{qemu.NVMe, qemu.USB} {
		m, card, err := qemu.PrepareBoard(t.Context(), image, t.TempDir(), disk)
		if err != nil {
			t.Fatal(err)
		}

		if m.Path != image {
			t.Errorf("%s: got the medium %s, want the image itself", disk, m.Path)
		}

		f, err := os.Open(card)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()

		got, err := rockchip.ReadLoader(f, rockchip.MMC.FileStart, rockchip.MMC)
		if err != nil {
			t.Fatalf("%s: the card: %v", disk, err)
		}

		want, err := rockchip.ParseLoader(loader, rockchip.MMC)
		if err != nil {
			t.Fatal(err)
		}

		if !bytes.Equal(got.IDBlock, want.IDBlock) || !bytes.Equal(got.FIT, want.FIT) {
			t.Errorf("%s: got another loader on the card than the image has", disk)
		}
	}
}

func TestAnImageWithoutALoaderStartsNoBoardFromNVMe(t *testing.T) {
	image := filepath.Join(t.TempDir(), "image.raw")
	if err := os.WriteFile(image, make([]byte, 32<<20), 0o600); err != nil {
		t.Fatal(err)
	}

	if _, card, err := qemu.PrepareBoard(t.Context(), image, t.TempDir(), qemu.NVMe); err == nil || !strings.Contains(err.Error(), image) {
		t.Errorf("got card %q and %v, want an error that names %s", card, err, image)
	}
}

func TestTheBoardsCardIsAsLargeAsTheSmallestThatIsMade(t *testing.T) {
	const want = 4 << 30

	image, _ := imageWithLoader(t)

	m, card, err := qemu.PrepareBoard(t.Context(), image, t.TempDir(), qemu.SD)
	if err != nil {
		t.Fatal(err)
	}

	st, err := os.Stat(m.Path)
	if err != nil {
		t.Fatal(err)
	}

	if m.Size != want || st.Size() != want || card != "" {
		t.Errorf("got %d bytes (the file has %d) and card %q, want %d and none", m.Size, st.Size(), card, int64(want))
	}

	if m.Path == image {
		t.Errorf("got the image itself enlarged, want a copy")
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
