// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	boardjson "talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/fixture/diskimage"
	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/flash"
	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/rockchip"
	"talos-nanopi-m6/internal/verify"
)

func TestEveryReportIsTextAndJSON(t *testing.T) {
	disk := diskImage(t, diskimage.Spec{})

	for _, command := range []string{"inspect", "verify"} {
		text, say, code := m6(t, command, disk)
		if code != exitDone || !strings.Contains(text, "1.10.6") {
			t.Errorf("%s: got %d %s %s, want exit code %d and %q", command, code, text, say, exitDone, "1.10.6")
		}

		out, say, code := m6(t, command, "-o", "json", disk)

		var v map[string]any
		if err := json.Unmarshal([]byte(out), &v); err != nil || code != exitDone || v["source"] != disk {
			t.Errorf("%s: got %d, %v: %.200s %s; want exit code %d and the source %s", command, code, err, out, say, exitDone, disk)
		}
	}

	out, _, _ := m6(t, "doctor", "-o", "json")

	var list []ailment
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) < 8 {
		t.Errorf("got %v: %s; want a list of 8 or more", err, out)
	}
}

func TestExitCodesAreWhatTheHelpSays(t *testing.T) {
	disk := diskImage(t, standIn())
	noise := file(t, "noise", bytes.Repeat([]byte("noise "), 100_000))

	for _, c := range []struct {
		args []string
		code int
		say  string
	}{
		{[]string{"verify", "--allow-stand-in", disk}, exitDone, ""},
		{[]string{"verify", disk}, exitFailed, ""},
		{[]string{"inspect", noise}, exitInput, "noise"},
		{[]string{"verify", noise}, exitInput, "noise"},
		{[]string{"verify", filepath.Join(t.TempDir(), "absent")}, exitInput, "absent"},
		{[]string{"inspect"}, exitUsage, "accepts 1 arg"},
		{[]string{"inspect", "--nonsense", disk}, exitUsage, "nonsense"},
		{[]string{"inspect", "-o", "xml", disk}, exitUsage, "want one of text, json"},
		{[]string{"reticulate"}, exitUsage, "unknown command"},
		{[]string{"boot", "--disk", "floppy", disk}, exitUsage, "want one of virtio"},
		{[]string{"boot", "--cpus", "99", disk}, exitUsage, "1 to 8"},
		{[]string{"flash", disk, blank(t, diskimage.Size)}, exitInput, "no DDR blob: cannot start the board's memory"},
		{[]string{"flash", "--allow-stand-in", disk, blank(t, 1<<20)}, exitRefused, "larger than the medium"},
		{[]string{"flash", "--allow-stand-in", disk, filepath.Join(t.TempDir(), "absent")}, exitRefused, "absent"},
		{[]string{"flash", "--allow-stand-in", disk, "/dev/null"}, exitRefused, "/dev/null"},
		{[]string{"flash", "--meta", "0x1=x", disk, blank(t, diskimage.Size)}, exitUsage, "0xa"},
		{[]string{"flash", "--embed-config", noise, disk, blank(t, diskimage.Size)}, exitInput, "not a machine configuration"},
	} {
		out, say, code := m6(t, c.args...)
		if code != c.code || !strings.Contains(say, c.say) {
			t.Errorf("%v: exit code %d, want %d: %s %s", c.args, code, c.code, out, say)
		}
	}

	help, _, _ := m6(t, "help", "exit-codes")
	for _, e := range exitCodes {
		if !strings.Contains(strings.Join(strings.Fields(help), " "), e.meaning) {
			t.Errorf("got a help without %d, want %q", e.code, e.meaning)
		}
	}
}

func TestTheMapIsDrawnToAFile(t *testing.T) {
	p := filepath.Join(t.TempDir(), "map.svg")

	if _, say, code := m6(t, "inspect", "--svg", p, diskImage(t, diskimage.Spec{})); code != exitDone {
		t.Fatalf("got %v %v, want exit code %d", code, say, exitDone)
	}

	if b, err := os.ReadFile(p); err != nil || !bytes.HasPrefix(b, []byte("<svg ")) {
		t.Errorf("got %v %.80s, want an SVG", err, b)
	}

	tree, err := diskimage.Tree(boardjson.Compatible...)
	if err != nil {
		t.Fatal(err)
	}

	if _, say, code := m6(t, "inspect", "--svg", p, file(t, "board.dtb", tree)); code != exitFailed || !strings.Contains(say, "no map") {
		t.Errorf("got %v %v, want exit code %d and %q", code, say, exitFailed, "no map")
	}
}

func TestACardIsFlashedAndPassesItsChecks(t *testing.T) {
	card := blank(t, diskimage.Size+512<<20)
	config := file(t, "controlplane.yaml", []byte("version: v1alpha1\nmachine:\n  type: controlplane\n"))
	network := file(t, "network.yaml", []byte("addresses: []\n"))

	out, say, code := m6(t, "flash", "-o", "json", "--embed-config", config, "--meta", "0xa=@"+network, diskImage(t, diskimage.Spec{}), card)
	if code != exitDone {
		t.Fatalf("got %v %v, want exit code %d", code, say, exitDone)
	}

	var r struct{ Written, Skipped int64 }
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Written == 0 || r.Skipped == 0 {
		t.Errorf("got %v %s, want bytes that were written and bytes that were skipped", err, out)
	}

	if out, say, code := m6(t, "verify", card); code != exitDone || strings.Contains(out, "fail ") {
		t.Errorf("got %d %s%s, want exit code %d and no failure", code, out, say, exitDone)
	}

	report, err := inspect.Path(t.Context(), card)
	if err != nil {
		t.Fatal(err)
	}

	if p := report.GPT.Partitions; len(p) != 5 || p[4].Name != "STATE" {
		t.Errorf("got %+v, want 5 partitions, STATE the last", p)
	}
}

func TestOnlyTheLoaderIsWritten(t *testing.T) {
	card := diskImage(t, diskimage.Spec{})

	before, err := os.ReadFile(card)
	if err != nil {
		t.Fatal(err)
	}

	other := rockchiploader.Small.With(7)
	bin := file(t, "u-boot-rockchip.bin", other.Image(rockchip.MMC))

	out, say, code := m6(t, "flash", "--loader-only", bin, card)
	if code != exitDone || !strings.Contains(out, "written and compared") {
		t.Fatalf("got %v %v %v, want exit code %d and %q", code, out, say, exitDone, "written and compared")
	}

	after, err := os.ReadFile(card)
	if err != nil {
		t.Fatal(err)
	}

	if bytes.Equal(before[32<<10:10<<20], after[32<<10:10<<20]) || !bytes.Equal(before[10<<20:], after[10<<20:]) || !bytes.Equal(before[:32<<10], after[:32<<10]) {
		t.Error("got other bytes changed than the loader's, or none; want the loader alone")
	}

	// From an image, and again: nothing to do.
	from := diskImage(t, diskimage.Spec{Loader: other})

	out, say, code = m6(t, "flash", "--loader-only", "-o", "json", from, card)

	var list []loaderOutcome
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != exitDone || slices.ContainsFunc(list, func(o loaderOutcome) bool { return o.Written }) {
		t.Errorf("got %d, %v: %s%s; want exit code %d and nothing written", code, err, out, say, exitDone)
	}

	for args, want := range map[string]string{
		diskImage(t, standIn()):                            "no DDR blob",
		file(t, "noise", bytes.Repeat([]byte("n"), 9<<20)): "noise",
	} {
		if _, say, code := m6(t, "flash", "--loader-only", args, card); code != exitInput || !strings.Contains(say, want) {
			t.Errorf("got %v %v, want exit code %d and %q", code, say, exitInput, want)
		}
	}
}

func TestAnInterruptedFlashHasItsOwnExitCode(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	if _, say, code := m6With(t, ctx, "flash", "--no-verify", diskImage(t, diskimage.Spec{}), blank(t, diskimage.Size)); code != exitInterrupted {
		t.Errorf("got %v %v, want exit code %d", code, say, exitInterrupted)
	}
}

func TestCompletionsAndManualAreMade(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out, say, code := m6(t, "completion", shell); code != exitDone || !strings.Contains(out, "m6") {
			t.Errorf("got %v %v %v, want exit code %d and %q", shell, code, say, exitDone, "m6")
		}
	}

	dir := t.TempDir()
	if _, say, code := m6(t, "manual", dir); code != exitDone {
		t.Fatalf("got %v %v, want exit code %d", code, say, exitDone)
	}

	for _, page := range []string{"m6.1", "m6-inspect.1", "m6-verify.1", "m6-flash.1", "m6-boot.1", "m6-doctor.1", "m6-recover.1"} {
		if b, err := os.ReadFile(filepath.Join(dir, page)); err != nil || !bytes.Contains(b, []byte(".TH")) {
			t.Errorf("%s: got %.40q (%v), want a manual page", page, b, err)
		}
	}

	if b, err := os.ReadFile(filepath.Join(dir, "m6.1")); err != nil || !bytes.Contains(b, []byte("the command line is wrong")) {
		t.Errorf("m6.1: got %d bytes without exit codes (%v), want them", len(b), err)
	}

	// In the list of names and in the examples: groff takes one of two backslashes.
	const drive = `\\\\.\\PhysicalDrive2`
	if b, err := os.ReadFile(filepath.Join(dir, "m6-flash.1")); err != nil || bytes.Count(b, []byte(drive)) != 2 {
		t.Errorf("m6-flash.1: got %d of %s (%v), want 2", bytes.Count(b, []byte(drive)), drive, err)
	}
}

// recoverArgs are those of a run against the board that fakeTool plays.
func recoverArgs(args ...string) []string {
	settle = time.Millisecond

	return append([]string{"recover", "--yes", "--rkdeveloptool", os.Args[0], "--wait", "1s"}, args...)
}

func ldr(t *testing.T) string {
	t.Helper()

	return file(t, "rk3588_spl_loader.bin", []byte("LDR and more"))
}

func TestABoardIsRecoveredOverUSB(t *testing.T) {
	dir := board(t, diskimage.Size+64<<20, "")
	disk := diskImage(t, diskimage.Spec{})

	_, say, code := m6(t, recoverArgs("--loader", ldr(t), "--storage", "emmc", disk)...)
	if code != exitDone || !strings.Contains(say, untried) {
		t.Fatalf("got %v %v, want exit code %d and %q", code, say, exitDone, untried)
	}

	if r, err := verify.Path(t.Context(), filepath.Join(dir, "storage"), verify.Options{}); err != nil || !r.Passed {
		t.Errorf("got %v %+v, want a loader that passes", err, r)
	}

	if _, err := os.Stat(filepath.Join(dir, "reset")); err != nil {
		t.Error("the board was not started")
	}
}

func TestALoaderAloneIsWrittenWhereItBelongs(t *testing.T) {
	for storage, layout := range map[string]rockchip.Layout{"emmc": rockchip.MMC, "spi": rockchip.SPI} {
		dir := board(t, 16<<20, "")
		bin := file(t, layout.File, rockchiploader.Small.Image(layout))

		if _, say, code := m6(t, recoverArgs("--loader", ldr(t), "--storage", storage, bin)...); code != exitDone {
			t.Fatalf("got %v %v %v, want exit code %d", storage, code, say, exitDone)
		}

		b, err := os.ReadFile(filepath.Join(dir, "storage"))
		if err != nil {
			t.Fatal(err)
		}

		if _, err := rockchip.Search(bytes.NewReader(b), layout); err != nil {
			t.Errorf("%s: %v", storage, err)
		}

		selected, err := os.ReadFile(filepath.Join(dir, "selected"))
		if want := map[string]string{"emmc": "1", "spi": "9"}[storage]; err != nil || string(selected) != want {
			t.Errorf("%s: got %s selected (%v), want %s", storage, selected, err, want)
		}
	}
}

func TestWhatGoesWrongOnTheWayToABoardIsNamed(t *testing.T) {
	disk := diskImage(t, diskimage.Spec{})

	for fault, c := range map[string]struct {
		code int
		say  string
	}{
		"absent":       {exitFailed, "hold the button MASK"},
		"many":         {exitFailed, "more than one Rockchip device"},
		"another chip": {exitFailed, "another Rockchip chip"},
		"db fails":     {exitFailed, "Downloading bootloader failed"},
		"no cs":        {exitFailed, "Debian 12's does not"},
		"no module":    {exitFailed, "eMMC module in the socket"},
		"unplugged":    {exitMedium, "Write LBA failed"},
		"bad cells":    {exitMedium, "read back other bytes"},
	} {
		dir := board(t, diskimage.Size, fault)

		_, say, code := m6(t, recoverArgs("--loader", ldr(t), "--storage", "emmc", disk)...)
		if code != c.code || !strings.Contains(say, c.say) {
			t.Errorf("%s: got %d %s, want exit code %d and %q", fault, code, say, c.code, c.say)
		}

		b, err := os.ReadFile(filepath.Join(dir, "storage"))
		if err != nil {
			t.Fatal(err)
		}

		if _, err := rockchip.Search(bytes.NewReader(b), rockchip.MMC); err == nil {
			t.Errorf("%s: the board would start what is left: got no error, want one", fault)
		}
	}
}

// TestAnInterruptedRecoveryComesToAnEndOfItsOwn interrupts a run while rkdeveloptool writes.
func TestAnInterruptedRecoveryComesToAnEndOfItsOwn(t *testing.T) {
	disk := diskImage(t, diskimage.Spec{})
	bin := file(t, "u-boot-rockchip.bin", rockchiploader.Small.With(2).Image(rockchip.MMC))

	for _, c := range []struct {
		name, what string
		at         int
		say        string
		starts     bool
	}{
		{"an image, at its first write", disk, 1, string(flash.NotBootable), false},
		{"an image, later", disk, 25, string(flash.NotBootable), false},
		{"a loader, at its first write", bin, 1, "Written and compared", true},
		{"a loader, later", bin, 5, "Written and compared", true},
	} {
		dir := board(t, diskimage.Size, "")

		old, err := os.OpenFile(filepath.Join(dir, "storage"), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}

		_, err = old.WriteAt(rockchiploader.Small.Image(rockchip.MMC), rockchip.MMC.FileStart)
		if err := errors.Join(err, old.Close(), os.WriteFile(filepath.Join(dir, "pause"), []byte(strconv.Itoa(c.at)), 0o600)); err != nil {
			t.Fatal(err)
		}

		ctx, cancel := context.WithCancelCause(t.Context())

		go func() {
			for _, err := os.Stat(filepath.Join(dir, "paused")); err != nil && ctx.Err() == nil; _, err = os.Stat(filepath.Join(dir, "paused")) {
				time.Sleep(time.Millisecond)
			}

			cancel(errors.New("interrupted"))

			_ = os.WriteFile(filepath.Join(dir, "goes"), nil, 0o600) // without it the test ends with its time
		}()

		_, say, code := m6With(t, ctx, recoverArgs("--loader", ldr(t), c.what)...)

		cancel(nil)

		if code != exitInterrupted || !strings.Contains(say, c.say) {
			t.Errorf("%s: got %d %s, want exit code %d and %q", c.name, code, say, exitInterrupted, c.say)
		}

		b, err := os.ReadFile(filepath.Join(dir, "storage"))
		if err != nil {
			t.Fatal(err)
		}

		if _, err := rockchip.Search(bytes.NewReader(b), rockchip.MMC); (err == nil) != c.starts {
			t.Errorf("%s: got %v, want that the board starts: %v", c.name, err, c.starts)
		}
	}
}

func TestWhatDoesNotBelongOnABoardIsRefusedBeforeItIsTouched(t *testing.T) {
	dir := board(t, diskimage.Size, "")
	spi := file(t, "u-boot-rockchip-spi.bin", rockchiploader.Small.Image(rockchip.SPI))
	disk := diskImage(t, diskimage.Spec{})

	for _, c := range []struct {
		args []string
		code int
		say  string
	}{
		{[]string{spi}, exitInput, "--storage spi"},
		{[]string{"--storage", "spi", disk}, exitInput, "u-boot-rockchip-spi.bin"},
		{[]string{"--storage", "tape", disk}, exitUsage, "emmc, sd, spi"},
		{[]string{diskImage(t, standIn())}, exitInput, "no DDR blob"},
		{[]string{disk}, exitFailed, "needs --loader"},
		{[]string{"--loader", disk, disk}, exitFailed, "no loader for the mask ROM"},
	} {
		if _, say, code := m6(t, recoverArgs(c.args...)...); code != c.code || !strings.Contains(say, c.say) {
			t.Errorf("%v: got %d %s, want exit code %d and %q", c.args, code, say, c.code, c.say)
		}
	}

	if mode, err := os.ReadFile(filepath.Join(dir, "mode")); err != nil || string(mode) != "Maskrom" {
		t.Errorf("got mode %s, %v; want Maskrom", mode, err)
	}

	args := recoverArgs("--loader", ldr(t), disk)
	args = slices.DeleteFunc(args, func(s string) bool { return s == "--yes" })

	if _, say, code := m6(t, args...); code != exitRefused || !strings.Contains(say, "nobody is there to ask") {
		t.Errorf("got %v %v, want exit code %d and %q", code, say, exitRefused, "nobody is there to ask")
	}

	missing := append(recoverArgs(disk), "--rkdeveloptool", filepath.Join(t.TempDir(), "rkdeveloptool"))
	if _, say, code := m6(t, missing...); code != exitFailed || !strings.Contains(say, "install the package rkdeveloptool") {
		t.Errorf("got %v %v, want exit code %d and %q", code, say, exitFailed, "install the package rkdeveloptool")
	}
}
