// SPDX-License-Identifier: MPL-2.0

//go:build qemu

// Package board starts the board's own loader, bit-for-bit what an image holds, on a model of the NanoPi M6
// (nix/tests/qemu): mask ROM, SPL, BL31, U-Boot. docs/board-model.md says what the model proves and what not.
//
//	BOARD_QEMU=qemu-system-aarch64 BOARD_UBOOT=DIRECTORY go test -tags qemu ./nix/tests/programs/board
//
// Time is counted in instructions, and passes at once where the processor waits: no outcome depends on this machine's
// load, and a watchdog's minute takes no minute.
package board_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"
)

// patience is when a run counts as hung. Nothing is measured by it.
const patience = 10 * time.Minute

// faultStatus is QEMU's exit status where the board forbids something (RK3588_FAULT_STATUS in rk3588.h).
const faultStatus = 70

// machine is a running board: what its console and the model say, and what is typed.
type machine struct {
	t      *testing.T
	cmd    *exec.Cmd
	input  io.WriteCloser
	status chan error

	lock   sync.Mutex
	said   bytes.Buffer
	read   int
	spoken chan struct{}
}

func input(t *testing.T, variable string) string {
	t.Helper()

	name := os.Getenv(variable)
	if name == "" {
		t.Fatalf("%s is not set (see the package's comment)", variable)
	}

	return name
}

// start switches the board on. properties are the machine's, of the form ,name=value.
func start(t *testing.T, properties string, args ...string) *machine {
	t.Helper()

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	m := &machine{t: t, status: make(chan error, 1), spoken: make(chan struct{}, 1)}
	m.cmd = exec.CommandContext(ctx, input(t, "BOARD_QEMU"), append([]string{
		"-M", "nanopi-m6" + properties, "-icount", "shift=4,sleep=off", "-display", "none", "-monitor", "none",
		"-serial", "stdio", "-d", "trace:nanopi_m6_led,trace:rk3588_card_low_voltage",
	}, args...)...)
	m.cmd.Stdout, m.cmd.Stderr = m, m

	var err error
	if m.input, err = m.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}

	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}

	go func() { m.status <- m.cmd.Wait() }()

	t.Cleanup(func() {
		cancel()
		<-m.status

		if t.Failed() {
			t.Logf("console:\n%s", m.all())
		}
	})

	return m
}

func (m *machine) Write(p []byte) (int, error) {
	m.lock.Lock()
	m.said.Write(bytes.ReplaceAll(p, []byte("\r"), nil))
	m.lock.Unlock()

	select {
	case m.spoken <- struct{}{}:
	default:
	}

	return len(p), nil
}

func (m *machine) all() string {
	m.lock.Lock()
	defer m.lock.Unlock()

	return m.said.String()
}

// until waits for what matches the expression behind what was waited for before.
func (m *machine) until(expression string) {
	m.t.Helper()

	pattern := regexp.MustCompile(expression)

	for {
		all := m.all()
		if at := pattern.FindStringIndex(all[m.read:]); at != nil {
			m.read += at[1]

			return
		}

		select {
		case err := <-m.status:
			m.status <- err

			if pattern.MatchString(m.all()[m.read:]) {
				continue
			}

			m.t.Fatalf("QEMU ended (%v) before the console said %q", err, expression)
		case <-m.spoken:
		}
	}
}

// prompt stops the boot at U-Boot's prompt.
func (m *machine) prompt() {
	m.t.Helper()
	m.until("type stop for a prompt")
	m.send("stop")
	m.until("=> ")
}

func (m *machine) send(line string) {
	m.t.Helper()

	if _, err := io.WriteString(m.input, line); err != nil {
		m.t.Fatal(err)
	}
}

// fault waits for the line by which the model ends the run, and for its end.
func (m *machine) fault(expression string) {
	m.t.Helper()
	m.until("board fault: " + expression)

	err := <-m.status
	m.status <- err

	if got := m.cmd.ProcessState.ExitCode(); got != faultStatus {
		m.t.Errorf("got exit status %d (%v), want %d", got, err, faultStatus)
	}
}

// mediumKind is a file that stands for a card, a module or a flash chip.
type mediumKind struct {
	name   string
	size   int64
	option string
}

var (
	sd   = mediumKind{"sd", 4 << 30, "if=sd,index=0"}
	emmc = mediumKind{"emmc", 4 << 30, "if=sd,index=1"}
	nor  = mediumKind{"nor", 16 << 20, "if=mtd"}
)

// blank is the medium with nothing on it.
func (m mediumKind) blank(t *testing.T) *os.File {
	t.Helper()

	file, err := os.Create(filepath.Join(t.TempDir(), m.name))
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { file.Close() })

	if err := file.Truncate(m.size); err != nil {
		t.Fatal(err)
	}

	return file
}

func (m mediumKind) drive(file *os.File) []string {
	return []string{"-drive", fmt.Sprintf("%s,format=raw,file=%s", m.option, file.Name())}
}
