// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"talos-nanopi-m6/internal/flash"
	"talos-nanopi-m6/internal/inspect/render"
)

// progress shows how far a step has come: on a terminal in one line that is written anew, elsewhere in a line now and then.
type progress struct {
	w     io.Writer
	tty   bool
	every time.Duration

	mu   sync.Mutex
	last time.Time
	step string
	long int // how many columns the last line takes
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, tty: terminal(w), every: 10 * time.Second}
	if p.tty {
		p.every = 200 * time.Millisecond
	}

	return p
}

func (p *progress) show(s flash.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()

	now := time.Now()
	if s.Step == p.step && now.Sub(p.last) < p.every {
		return
	}

	if s.Step != p.step && !p.tty { // a step that takes no time says nothing
		p.step, p.last = s.Step, now

		return
	}

	p.step, p.last = s.Step, now
	line := progressLine(s)

	if p.tty {
		// Without escape sequences, which not every terminal of Windows knows.
		fmt.Fprintf(raw(p.w), "\r%-*s", p.long, escape(line))
		p.long = len(line)
	} else {
		fmt.Fprintln(p.w, line)
	}
}

// progressLine is a step with rate and time left.
func progressLine(s flash.Progress) string {
	line := fmt.Sprintf("%-7s %s", s.Step, render.Bytes(s.Done))

	if s.Total > 0 {
		line += fmt.Sprintf(" of %s (%d %%)", render.Bytes(s.Total), s.Done*100/s.Total)
	}

	seconds := s.Elapsed.Seconds()
	if seconds < 0.5 || s.Done == 0 {
		return line
	}

	rate := float64(s.Done) / seconds
	line += fmt.Sprintf(", %s/s", render.Bytes(int64(rate)))

	if s.Total > s.Done {
		left := time.Duration(float64(s.Total-s.Done) / rate * float64(time.Second))
		line += fmt.Sprintf(", %s left", left.Round(time.Second))
	}

	return line
}

// clearLine takes a terminal's progress line away.
func clearLine(w io.Writer) {
	if terminal(w) {
		fmt.Fprint(raw(w), "\r"+strings.Repeat(" ", 79)+"\r")
	}
}
