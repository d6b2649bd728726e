// SPDX-License-Identifier: MPL-2.0

//go:build qemu

package board_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// ledChange is one of a LED; at is in milliseconds.
type ledChange struct {
	at  int
	lit bool
}

// ledChanges reads those of one LED from the model's trace.
func ledChanges(t *testing.T, trace, led string) (changes []ledChange) {
	t.Helper()

	said, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}

	for _, match := range ledLine.FindAllStringSubmatch(string(said), -1) {
		at, err := strconv.Atoi(match[3])
		if err != nil {
			t.Fatal(err)
		}

		if match[1] == led {
			changes = append(changes, ledChange{at, match[2] == "1"})
		}
	}

	return changes
}

// The LEDs as docs/board.md has them: under Linux two beats and a pause; where the kernel panics the USER LED flashes, and the
// SYS LED is dark. TestLEDsShowWhatTheDocumentationSays has what comes before.
func TestLinuxShowsWithTheLEDsWhatTheDocumentationSays(t *testing.T) {
	t.Parallel()

	trace := filepath.Join(t.TempDir(), "leds")
	board := linux(t, "BOARD_IMAGE", "", "-d", "trace:nanopi_m6_led", "-D", trace)
	before := len(ledChanges(t, trace, "sys_led"))

	board.says("sleep 6")

	beats := ledChanges(t, trace, "sys_led")[before:]
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
	quiet := len(ledChanges(t, trace, "user_led"))

	board.Type("exit\r")
	board.Until("Kernel panic - not syncing")

	for deadline := time.Now().Add(10 * time.Minute); len(ledChanges(t, trace, "user_led")) < quiet+6; time.Sleep(time.Second) {
		if time.Now().After(deadline) {
			t.Fatalf("got %v of the USER LED after a panic, want it flashing", ledChanges(t, trace, "user_led")[quiet:])
		}
	}

	if sys := ledChanges(t, trace, "sys_led"); sys[len(sys)-1].lit {
		t.Error("got the SYS LED lit after a panic, want it dark")
	}

	board.Until("mask ROM: starts from the SD card")
}
