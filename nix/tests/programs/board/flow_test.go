// SPDX-License-Identifier: MPL-2.0

//go:build qemu

package board_test

import (
	"regexp"
	"strconv"
	"testing"
)

func TestWatchdogResetsAUBootThatHangs(t *testing.T) {
	t.Parallel()

	board := start(t, "", sd.drive(sd.written(t))...)
	board.Prompt()
	board.Ask("wdt dev watchdog@feaf0000")
	board.Type("wdt expire\n")
	board.Until("watchdog expired: reset")
	board.Until("mask ROM: starts from the SD card")
	board.Until(reached)
}

func TestWatchdogCanEndTheRun(t *testing.T) {
	t.Parallel()

	board := start(t, ",watchdog-fault=on", sd.drive(sd.written(t))...)
	board.Prompt()
	board.Ask("wdt dev watchdog@feaf0000")
	board.Type("wdt expire\n")
	board.fault("watchdog: nobody served it")
}

func TestResetStartsAgain(t *testing.T) {
	t.Parallel()

	board := start(t, "", sd.drive(sd.written(t))...)
	board.Prompt()
	board.Type("reset\n")
	board.Until("mask ROM: starts from the SD card")
	board.Until(reached)
}

// ledChange is one of a LED; at is in milliseconds.
type ledChange struct {
	led string
	lit bool
	at  int
}

var ledLine = regexp.MustCompile(`nanopi_m6_led (\w+) ([01]) at (\d+) ms`)

// ledChanges reads them from the model's trace.
func ledChanges(t *testing.T, trace string) (changes []ledChange) {
	t.Helper()

	for _, match := range ledLine.FindAllStringSubmatch(trace, -1) {
		at, err := strconv.Atoi(match[3])
		if err != nil {
			t.Fatal(err)
		}

		changes = append(changes, ledChange{match[1], match[2] == "1", at})
	}

	return changes
}

// The LEDs as docs/board.md has them, against what the pins did.
func TestLEDsShowWhatTheDocumentationSays(t *testing.T) {
	t.Parallel()

	board := start(t, "", append(sd.drive(sd.written(t)), "-nic", "user")...)

	// From SPL on the SYS LED is lit, before anything else happens.
	board.Until(`nanopi_m6_led sys_led 1`)
	board.Until(`Trying to boot from MMC2`)
	board.Until(reached)
	board.Until("Nothing to boot.")
	board.Until("nanopi_m6_led user_led 1")
	board.Until("mask ROM: starts from the SD card") // 20 seconds later it starts over

	// Of the SYS LED: while U-Boot searches, and beside the USER LED, when nothing was found.
	var changes, slow []int

	userLit, searches := false, true

	for _, change := range ledChanges(t, board.Said()) {
		switch {
		case change.led == "user_led":
			userLit = change.lit
			searches = searches && !change.lit
		case searches:
			changes = append(changes, change.at)
		case userLit:
			slow = append(slow, change.at)
		}
	}

	// While it searches it blinks: it changes at least every three seconds.
	const longest = 3000

	for i := 1; i < len(changes); i++ {
		if gap := changes[i] - changes[i-1]; i > 1 && gap > longest {
			t.Errorf("got the SYS LED steady for %d ms at %d ms, want at most %d while U-Boot searches", gap, changes[i], longest)
		}
	}

	if len(changes) < 8 {
		t.Errorf("got %d changes of the SYS LED before there was nothing to boot, want it blinking", len(changes))
	}

	// In 20 seconds, each one long.
	const second, tolerance = 1000, 50

	if len(slow) < 15 {
		t.Errorf("got %d changes of the SYS LED when nothing was found, want one each second for 20", len(slow))
	}

	for i := 2; i < len(slow); i++ {
		if lasted := slow[i] - slow[i-1]; lasted < second-tolerance || lasted > second+tolerance {
			t.Errorf("got the SYS LED steady for %d ms at %d ms, want a second when nothing was found", lasted, slow[i])
		}
	}
}

func TestUnreadableOTPDoesNotStopTheBoot(t *testing.T) {
	t.Parallel()

	start(t, ",otp-unreadable=on", sd.drive(sd.written(t))...).Until(reached)
}
