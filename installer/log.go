// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"talos-nanopi-m6/internal/board"
)

// logger says what was done. Talos shows an overlay installer's standard error only when it fails (pkg/imager/overlay/
// executor), so that on a node the kernel's log, where Talos' installer writes as well and `talosctl dmesg` and the
// console read, is the way to tell.
type logger struct{ outputs []io.Writer }

const kernelLog = "/dev/kmsg"

func newLogger(node bool) *logger {
	l := &logger{outputs: []io.Writer{os.Stderr}}

	if node {
		if kmsg, err := os.OpenFile(kernelLog, os.O_WRONLY, 0); err == nil {
			// 30 is the facility daemon with severity info, as Talos' own messages have (Documentation/ABI/testing/dev-kmsg).
			l.outputs = append(l.outputs, prefixed{"<30>", kmsg})
		}
	}

	return l
}

// prefixed writes lines with their prefix, one at a time: each write to the kernel's log is one message.
type prefixed struct {
	prefix string
	to     io.Writer
}

func (p prefixed) Write(text []byte) (int, error) {
	for line := range bytes.Lines(text) {
		if _, err := p.to.Write(append([]byte(p.prefix), line...)); err != nil {
			return 0, err
		}
	}

	return len(text), nil
}

// printf writes one message. A failure to write it is not a reason to leave a medium half done.
func (l *logger) printf(format string, args ...any) {
	for _, output := range l.outputs {
		fmt.Fprintf(output, "overlay "+board.Name+": "+format+"\n", args...) // see above
	}
}
