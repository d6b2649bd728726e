// SPDX-License-Identifier: MPL-2.0

//go:build qemu

package board_test

import (
	"encoding/json"
	"net"
	"path/filepath"
	"testing"
)

// qmp is where a running model is told what changes around it.
type qmp struct{ socket string }

func newQMP(t *testing.T) qmp {
	t.Helper()

	return qmp{filepath.Join(t.TempDir(), "qmp")}
}

// option is QEMU's.
func (q qmp) option() []string { return []string{"-qmp", "unix:" + q.socket + ",server=on,wait=off"} }

// set gives one of the machine's properties another value.
func (q qmp) set(t *testing.T, property string, value any) {
	t.Helper()

	c, err := net.Dial("unix", q.socket)
	if err != nil {
		t.Fatal(err)
	}

	defer c.Close() // everything was answered

	in := json.NewDecoder(c)
	answer := func() {
		// Events come between greeting and answers.
		for answered := false; !answered; {
			var message struct {
				QMP, Return json.RawMessage
				Error       *struct{ Desc string }
			}

			if err := in.Decode(&message); err != nil {
				t.Fatal(err)
			}

			if message.Error != nil {
				t.Fatalf("%s: %s", property, message.Error.Desc)
			}

			answered = message.QMP != nil || message.Return != nil
		}
	}

	answer()

	for _, command := range []map[string]any{
		{"execute": "qmp_capabilities"},
		{"execute": "qom-set", "arguments": map[string]any{"path": "/machine", "property": property, "value": value}},
	} {
		if err := json.NewEncoder(c).Encode(command); err != nil {
			t.Fatal(err)
		}

		answer()
	}
}
