// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"talos-nanopi-m6/internal/child"
)

// captures says that the board's console can be captured through a pipe: Windows has no descriptors to hand on.
const captures = runtime.GOOS != "windows"

// stopGrace is how long QEMU gets between SIGTERM and SIGKILL.
const stopGrace = 5 * time.Second

// Consoles take what the machine prints. They are written to from different goroutines.
type Consoles struct {
	// Firmware is the PL011: U-Boot, GRUB and the kernel's EFI stub.
	Firmware io.Writer
	// Board is ttyS2: the kernel and Talos.
	Board io.Writer
}

// Machine is a QEMU that was started.
type Machine struct {
	// Started is when QEMU was.
	Started time.Time

	stop context.CancelFunc
	done chan struct{}
	err  error
}

// Process is QEMU as the host sees it: the one place where it is started.
type Process struct {
	// Program is QEMU's path, or its name in PATH.
	Program string
	Args    []string
	// TempDir takes QEMU's temporary files and must exist; "" is the system's.
	TempDir string
	Stdin   *os.File
	// Stdout and Stderr take what QEMU prints.
	Stdout, Stderr io.Writer
	// Files are QEMU's file descriptors from 3 on.
	Files []*os.File
	// Foreground leaves QEMU in this process' group: a terminal's Ctrl-C is QEMU's own.
	Foreground bool
}

// Start starts QEMU. It ends with ctx, with this process, however that ends (PR_SET_PDEATHSIG), or with Stop.
func (p Process) Start(ctx context.Context) (*Machine, error) { return p.start(ctx, nil) }

// start is Start; ended, if not nil, is called when QEMU is gone and says what Err is to say of its error.
func (p Process) start(ctx context.Context, ended func(error) error) (*Machine, error) {
	program, err := exec.LookPath(p.Program)
	if err != nil {
		return nil, fmt.Errorf("%w: install qemu-system-arm or name the program", err)
	}

	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, program, p.Args...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = p.Stdout, p.Stderr, p.Files

	if captures { // Windows has no SIGTERM either
		// In a group of its own Ctrl-C reaches this process only, which then stops QEMU in order.
		child.Bind(cmd, !p.Foreground)
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	}

	cmd.WaitDelay = stopGrace

	if p.Stdin != nil { // else /dev/null
		cmd.Stdin = p.Stdin
	}

	if p.TempDir != "" {
		cmd.Env = append(os.Environ(), "TMPDIR="+p.TempDir)
	}

	m := &Machine{stop: cancel, done: make(chan struct{})}

	return m, m.run(cmd, ended)
}

// Start starts the image, and c take the machine's output unless the options say Interactive. dir takes QEMU's temporary
// files and must exist. The machine ends as Process.Start says.
func Start(ctx context.Context, o Options, c Consoles, dir string) (*Machine, error) {
	o = o.WithDefaults()

	args, err := o.Args()
	if err != nil {
		return nil, err
	}

	p := Process{Program: o.Program, Args: args, TempDir: dir}

	if o.Board {
		return o.startBoard(ctx, p, c)
	}

	if _, err := os.Stat(o.Firmware); err != nil {
		return nil, fmt.Errorf("U-Boot for QEMU: %w: install u-boot-qemu or name the file", err)
	}

	if o.Interactive {
		p.Stdin, p.Stdout, p.Stderr, p.Foreground = os.Stdin, os.Stdout, os.Stderr, true

		return p.Start(ctx)
	}

	if !captures {
		return nil, errors.New("on this system QEMU's console can only be a terminal: start m6 boot in one, without --log and --no-terminal")
	}

	complaint := &tail{limit: 4096}
	p.Stdout, p.Stderr = c.Firmware, complaint

	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}

	p.Files = []*os.File{w} // boardFD

	copied := make(chan struct{})

	go func() {
		defer close(copied)

		_, _ = io.Copy(c.Board, r) // ends with QEMU, the only writer
	}()

	m, err := p.start(ctx, func(err error) error {
		<-copied

		_ = r.Close()

		return complaint.explain(o.Program, err)
	})

	_ = w.Close()

	if err != nil {
		<-copied

		_ = r.Close()

		return nil, err
	}

	return m, nil
}

// startBoard starts the board's model: one console for firmware and kernel, and the LEDs among what QEMU says.
func (o Options) startBoard(ctx context.Context, p Process, c Consoles) (*Machine, error) {
	if _, err := exec.LookPath(p.Program); err != nil {
		return nil, fmt.Errorf("%w: the model of the board is a QEMU of its own: make it with nix/debian/build qemu-nanopi-m6, and name it with --qemu", err)
	}

	if o.Disk.NeedsCard() && o.Card == "" && o.Flash == "" {
		return nil, fmt.Errorf("the image is on %s, which the mask ROM cannot read, and no card has the loader", o.Disk)
	}

	complaint := &tail{limit: 4096}
	said := &ledWriter{to: complaint, changed: o.LEDs}

	if o.Interactive {
		said.to = os.Stderr
		p.Stdin, p.Stdout, p.Foreground = os.Stdin, os.Stdout, true
	} else {
		p.Stdout = c.Board
	}

	p.Stderr = said

	return p.start(ctx, func(err error) error {
		if closed := said.Close(); err == nil {
			return closed
		}

		return complaint.explain(o.Program, err)
	})
}

// run starts cmd and waits for it, both on one thread: PR_SET_PDEATHSIG fires when the thread that forked ends, which in
// Go may be long before the process does.
func (m *Machine) run(cmd *exec.Cmd, ended func(error) error) error {
	started := make(chan error)

	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()

		m.Started = time.Now()

		err := cmd.Start()
		started <- err

		if err != nil {
			return
		}

		if err = cmd.Wait(); ended != nil {
			err = ended(err)
		}

		m.err = err
		close(m.done)
	}()

	err := <-started
	if err != nil {
		m.stop()
	}

	return err
}

// Done is closed when QEMU has ended and its output was handed on.
func (m *Machine) Done() <-chan struct{} { return m.done }

// Err says why QEMU ended by itself. It is for after Done.
func (m *Machine) Err() error { return m.err }

// Stop ends QEMU, by force after 5 seconds, and returns when it is gone.
func (m *Machine) Stop() {
	m.stop()
	<-m.done
}

// FreePort is a TCP port of 127.0.0.1 that nobody listens on at the moment.
func FreePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("no free port on 127.0.0.1: %w", err)
	}

	port := l.Addr().(*net.TCPAddr).Port // a TCP listener's

	return port, errors.Join(l.Close())
}

// tail keeps the last bytes written.
type tail struct {
	limit int
	bytes.Buffer
}

// explain is a program's error with what the program said last, or nil.
func (t *tail) explain(program string, err error) error {
	if err == nil {
		return nil
	}

	return fmt.Errorf("%s: %w: %s", program, err, bytes.TrimSpace(t.Bytes()))
}

func (t *tail) Write(p []byte) (int, error) {
	t.Buffer.Write(p)

	if over := t.Len() - t.limit; over > 0 {
		t.Next(over)
	}

	return len(p), nil
}
