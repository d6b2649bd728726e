// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/qemu"
	"talos-nanopi-m6/internal/rockchip"
)

func TestABoardThatStartsFromNVMeHasTheImagesLoaderOnACard(t *testing.T) {
	loader := rockchiploader.Small.Image(rockchip.MMC)

	image := filepath.Join(t.TempDir(), "image.raw")
	if err := os.WriteFile(image, append(make([]byte, rockchip.MMC.FileStart), loader...), 0o600); err != nil {
		t.Fatal(err)
	}

	want, err := rockchip.ParseLoader(loader, rockchip.MMC)
	if err != nil {
		t.Fatal(err)
	}

	for _, disk := range []qemu.Disk{qemu.NVMe, qemu.USB} {
		o, err := withMedia(t.Context(), qemu.Options{Image: image, Disk: disk, Board: true}, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}

		if o.Image != image {
			t.Errorf("%s: got the medium %s, want the image itself", disk, o.Image)
		}

		got, err := readLoader(t.Context(), o.Card)
		if err != nil {
			t.Fatalf("%s: the card: %v", disk, err)
		}

		if !bytes.Equal(got.IDBlock, want.IDBlock) || !bytes.Equal(got.FIT, want.FIT) {
			t.Errorf("%s: got another loader on the card, want the image's", disk)
		}
	}
}

func TestAnImageWithoutALoaderStartsNoBoardFromNVMe(t *testing.T) {
	image := filepath.Join(t.TempDir(), "image.raw")
	if err := os.WriteFile(image, make([]byte, 32<<20), 0o600); err != nil {
		t.Fatal(err)
	}

	o, err := withMedia(t.Context(), qemu.Options{Image: image, Disk: qemu.NVMe, Board: true}, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), image) {
		t.Errorf("got card %q and %v, want an error that names %s", o.Card, err, image)
	}
}

func TestTheTitleShowsTheLEDsAndIsPutBack(t *testing.T) {
	var (
		terminal bytes.Buffer
		o        qemu.Options
	)

	end := showLEDs(&terminal, &o)
	o.LEDs(qemu.LED{Name: "sys_led", On: true})
	o.LEDs(qemu.LED{Name: "user_led", On: true})
	o.LEDs(qemu.LED{Name: "sys_led"})
	end()

	const want = "\x1b[22;2t" +
		"\x1b]2;NanoPi M6  SYS ●  USER ○\a" + "\x1b]2;NanoPi M6  SYS ●  USER ●\a" + "\x1b]2;NanoPi M6  SYS ○  USER ●\a" +
		"\x1b[23;2t"
	if got := terminal.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
