// SPDX-License-Identifier: MPL-2.0

//go:build qemu

package board_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The LEDs as docs/board.md has them: under Linux two beats and a pause; where the kernel panics between two beats the USER LED
// flashes, and the SYS LED is dark. TestLEDsShowWhatTheDocumentationSays has what comes before.
func TestLinuxShowsWithTheLEDsWhatTheDocumentationSays(t *testing.T) {
	t.Parallel()

	trace := filepath.Join(t.TempDir(), "leds")
	board := linux(t, "BOARD_IMAGE", "", "-d", "trace:nanopi_m6_led", "-D", trace)
	changes := func() []ledChange {
		said, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}

		return ledChanges(t, string(said))
	}
	before := len(changes())

	board.says("sleep 6")

	beats := slices.DeleteFunc(changes()[before:], func(change ledChange) bool { return change.led != "sys_led" })
	if len(beats) < 9 {
		t.Fatalf("got %v of the SYS LED in six seconds, want beats", beats)
	}

	// Milliseconds. How long the pause is depends on the load.
	const longestBeat = 150

	var dark []int

	for i, change := range beats[1:] {
		lasted := change.at - beats[i].at

		switch {
		case !beats[i].lit:
			dark = append(dark, lasted)
		case lasted > longestBeat:
			t.Errorf("got a beat of %d ms, want at most %d", lasted, longestBeat)
		}
	}

	for i, lasted := range dark[1:] {
		if a, b := min(lasted, dark[i]), max(lasted, dark[i]); b < 2*a {
			t.Errorf("got %d and %d ms between beats, want two beats and a pause: %v", dark[i], lasted, dark)
		}
	}

	// The first program's end is a panic. A node starts again ten seconds after it; the model takes minutes for these.
	board.says("echo 2 >/proc/sys/kernel/panic")

	quiet := len(changes())

	// Between two beats: in one the SYS LED would stay lit, for nothing turns it off any more.
	board.Type("until [ $(cat /sys/class/leds/sys_led/brightness) = 0 ]; do :; done; exit\r")
	board.Until("Kernel panic - not syncing")
	board.Until("mask ROM: starts from the SD card")

	var (
		sysLit  bool
		flashes []ledChange
	)

	for i, change := range changes() {
		switch {
		case change.led == "sys_led":
			sysLit = change.lit
		case i >= quiet && change.led == "user_led":
			flashes = append(flashes, change)
		}

		// Not the loader's: it lights the SYS LED again.
		if len(flashes) == 6 {
			break
		}
	}

	if len(flashes) < 6 {
		t.Fatalf("got %v of the USER LED after a panic, want it flashing", flashes)
	}

	if sysLit {
		t.Error("got the SYS LED lit after a panic, want it dark")
	}
}
