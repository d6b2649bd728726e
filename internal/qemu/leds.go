// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"bytes"
	"io"
	"regexp"
	"strconv"
	"time"
)

// LED is a change of one of the board's two LEDs.
type LED struct {
	// Name is the model's: sys_led, user_led.
	Name string
	On   bool
	// At is the time since power-on, in the board's time.
	At time.Duration
}

// ledTrace is the model's event nanopi_m6_led (nix/tests/qemu/hw/trace-events).
var ledTrace = regexp.MustCompile(`nanopi_m6_led (\w+) ([01]) at (\d+) ms`)

// ledWriter takes what QEMU says and hands on all but the LEDs' traces, which it reads. Whole lines are handed on at
// once; a last line without an end is kept until Close.
type ledWriter struct {
	to      io.Writer
	changed func(LED)
	line    []byte
}

func (w *ledWriter) Write(p []byte) (int, error) {
	w.line = append(w.line, p...)

	for {
		end := bytes.IndexByte(w.line, '\n') + 1
		if end == 0 {
			return len(p), nil
		}

		if err := w.hand(w.line[:end]); err != nil {
			return len(p), err
		}

		w.line = w.line[end:]
	}
}

// Close hands on what has no end yet.
func (w *ledWriter) Close() error { return w.hand(w.line) }

func (w *ledWriter) hand(line []byte) error {
	m := ledTrace.FindSubmatch(line)
	if m == nil {
		_, err := w.to.Write(line)

		return err
	}

	ms, err := strconv.ParseInt(string(m[3]), 10, 64)
	if err != nil { // more digits than a number has
		return err
	}

	if w.changed != nil {
		w.changed(LED{Name: string(m[1]), On: m[2][0] == '1', At: time.Duration(ms) * time.Millisecond})
	}

	return nil
}
