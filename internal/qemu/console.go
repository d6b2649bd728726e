// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
)

// maxLine is where a line without an end is cut, in bytes.
const maxLine = 8192

// Port tells the consoles apart.
type Port string

// The two consoles that print: the PL011 and the third PCI UART.
const (
	Firmware Port = "firmware"
	TTYS2    Port = "ttyS2"
)

// Line is one line a console printed, without its end and without terminal control sequences.
type Line struct {
	// At is the time since the transcript began.
	At   time.Duration
	Port Port
	Text string
}

// Transcript is what both consoles printed, line by line with the time each began.
type Transcript struct {
	start time.Time
	watch func(Line)

	mu    sync.Mutex
	lines []Line
}

// NewTranscript begins a transcript. watch, if not nil, is called with each line, one at a time.
func NewTranscript(start time.Time, watch func(Line)) *Transcript {
	return &Transcript{start: start, watch: watch}
}

// Writer takes a console's output.
func (t *Transcript) Writer(p Port) io.WriteCloser {
	return &lineWriter{t: t, port: p}
}

// Lines is a copy of what is there so far.
func (t *Transcript) Lines() []Line {
	t.mu.Lock()
	defer t.mu.Unlock()

	return append([]Line(nil), t.lines...)
}

func (t *Transcript) add(l Line) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.lines = append(t.lines, l)

	if t.watch != nil {
		t.watch(l)
	}
}

type lineWriter struct {
	t    *Transcript
	port Port
	at   time.Duration
	line []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	for _, b := range p {
		if len(w.line) == 0 {
			w.at = time.Since(w.t.start)
		}

		if b == '\n' || len(w.line) == maxLine {
			w.flush()
		}

		if b != '\n' {
			w.line = append(w.line, b)
		}
	}

	return len(p), nil
}

// Close hands on a last line that has no end.
func (w *lineWriter) Close() error {
	if len(w.line) > 0 {
		w.flush()
	}

	return nil
}

func (w *lineWriter) flush() {
	w.t.add(Line{At: w.at, Port: w.port, Text: Plain(string(w.line))})
	w.line = w.line[:0]
}

// control matches ECMA-48 control sequences (U-Boot's video console and GRUB send them) and single control characters.
var control = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f]`)

// Plain is s without terminal control sequences.
func Plain(s string) string {
	return strings.TrimRight(control.ReplaceAllString(s, ""), " ")
}
