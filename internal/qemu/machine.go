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
)

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

// Start starts QEMU, and c take its output unless the options say Interactive. The machine ends with ctx, with this
// process, however that ends (PR_SET_PDEATHSIG), or with Stop. dir takes QEMU's temporary files and must exist.
func Start(ctx context.Context, o Options, c Consoles, dir string) (*Machine, error) {
	o = o.withDefaults()

	args, err := o.Args()
	if err != nil {
		return nil, err
	}

	if _, err := os.Stat(o.Firmware); err != nil {
		return nil, fmt.Errorf("U-Boot for QEMU: %w: install u-boot-qemu or name the file", err)
	}

	program, err := exec.LookPath(o.Program)
	if err != nil {
		return nil, fmt.Errorf("%w: install qemu-system-arm or name the program", err)
	}

	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace

	m := &Machine{stop: cancel, done: make(chan struct{})}

	if o.Interactive {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr

		return m, m.run(cmd, nil, nil)
	}

	// A process group of its own: Ctrl-C reaches this process, which then stops QEMU in order.
	cmd.SysProcAttr.Setpgid = true
	cmd.Stdout = c.Firmware

	complaint := &tail{limit: 4096}
	cmd.Stderr = complaint

	r, w, err := os.Pipe()
	if err != nil {
		cancel()

		return nil, err
	}

	cmd.ExtraFiles = []*os.File{w} // boardFD

	copied := make(chan struct{})

	go func() {
		defer close(copied)

		_, _ = io.Copy(c.Board, r) // ends with QEMU, the only writer
	}()

	err = m.run(cmd, complaint, func() {
		<-copied

		_ = r.Close()
	})

	_ = w.Close()

	if err != nil {
		<-copied

		_ = r.Close()

		return nil, err
	}

	return m, nil
}

// run starts cmd and waits for it, both on one thread: PR_SET_PDEATHSIG fires when the thread that forked ends, which in
// Go may be long before the process does.
func (m *Machine) run(cmd *exec.Cmd, complaint *tail, after func()) error {
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

		err = cmd.Wait()

		if after != nil {
			after()
		}

		if err != nil && complaint != nil {
			err = fmt.Errorf("%s: %w: %s", cmd.Path, err, bytes.TrimSpace(complaint.Bytes()))
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

func (t *tail) Write(p []byte) (int, error) {
	t.Buffer.Write(p)

	if over := t.Len() - t.limit; over > 0 {
		t.Next(over)
	}

	return len(p), nil
}
