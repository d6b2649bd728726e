// SPDX-License-Identifier: MPL-2.0

//go:build qemu

package board_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// The LEDs as docs/board.md has them: under Linux two beats and a pause; where the kernel panics the USER LED flashes, and the
// SYS LED is dark. TestLEDsShowWhatTheDocumentationSays has what comes before.
func TestLinuxShowsWithTheLEDsWhatTheDocumentationSays(t *testing.T) {
	t.Parallel()

	trace := filepath.Join(t.TempDir(), "leds")
	board := linux(t, "BOARD_IMAGE", "", "-d", "trace:nanopi_m6_led", "-D", trace)
	changesOf := func(led string) []ledChange {
		said, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}

		return slices.DeleteFunc(ledChanges(t, string(said)), func(change ledChange) bool { return change.led != led })
	}
	before := len(changesOf("sys_led"))

	board.says("sleep 6")

	beats := changesOf("sys_led")[before:]
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

	// The first program's end is a panic.
	quiet := len(changesOf("user_led"))

	board.Type("exit\r")
	board.Until("Kernel panic - not syncing")

	for deadline := time.Now().Add(10 * time.Minute); len(changesOf("user_led")) < quiet+6; time.Sleep(time.Second) {
		if time.Now().After(deadline) {
			t.Fatalf("got %v of the USER LED after a panic, want it flashing", changesOf("user_led")[quiet:])
		}
	}

	if sys := changesOf("sys_led"); sys[len(sys)-1].lit {
		t.Error("got the SYS LED lit after a panic, want it dark")
	}

	board.Until("mask ROM: starts from the SD card")
}
