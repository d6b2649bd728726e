// SPDX-License-Identifier: MPL-2.0

// Command boot proves that a disk image boots: it starts the image, unchanged, in QEMU through U-Boot, EFI, GRUB and
// the kernel to Talos, and asks the maintenance API what a user would ask. It ends with 0 when everything held, 1 when
// something did not, 2 when it could not be asked.
//
// What it says goes to standard error, the numbers as JSON to standard output.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"talos-nanopi-m6/internal/qemu"
)

func init() {
	// The main thread lives as long as the process, which PR_SET_PDEATHSIG (below) needs.
	runtime.LockOSThread()
}

func main() {
	if err := dieWithParent(); err != nil {
		fmt.Fprintln(os.Stderr, "boot:", err)
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)

	code := run(ctx, os.Args[1:])

	stop()
	os.Exit(code)
}

// dieWithParent has SIGTERM sent here when the parent ends, so that no QEMU outlives a build that was killed.
func dieWithParent() error {
	parent := os.Getppid()

	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGTERM), 0, 0, 0); err != nil {
		return fmt.Errorf("prctl PR_SET_PDEATHSIG: %w", err)
	}

	if os.Getppid() != parent {
		return errors.New("the parent is already gone")
	}

	return nil
}

type config struct {
	qemu.Options

	installer string
	mac       string
	args      []string
	timeout   time.Duration
	settle    time.Duration
	json      string
	logs      string
}

func parse(argv []string) (config, error) {
	var (
		c config
		f = flag.NewFlagSet("boot", flag.ContinueOnError)
	)

	f.StringVar(&c.Image, "image", "", "disk image: raw, .zst or .xz")
	f.BoolVar(&c.Board, "board", false, "the board's model in place of the virt machine; time passes with its instructions")
	f.StringVar((*string)(&c.Disk), "disk", "", fmt.Sprintf("how the image is attached: one of %v, on the board of %v", qemu.Disks, qemu.BoardDisks))
	f.StringVar(&c.Card, "card", "", "on the board: a card with a loader, for an image on another disk")
	f.StringVar(&c.Flash, "flash", "", "on the board: what is in its SPI flash, a loader for an image on another disk")
	f.StringVar(&c.mac, "mac", "", "the hardware address that the Ethernet link must have")
	f.StringVar(&c.Program, "qemu", "", "QEMU")
	f.StringVar(&c.Firmware, "firmware", qemu.DefaultFirmware, "U-Boot for QEMU; -disk sd needs one with CONFIG_MMC_PCI")
	f.IntVar(&c.CPUs, "cpus", 0, "number of cores")
	f.IntVar(&c.MemoryMiB, "memory", 0, "RAM in MiB")
	f.StringVar(&c.installer, "installer", "", "the overlay's installer: the kernel must have been given what its get-options promises")
	f.Func("arg", "a kernel argument that must be there (repeatable)", func(s string) error {
		c.args = append(c.args, s)

		return nil
	})
	f.DurationVar(&c.timeout, "timeout", 15*time.Minute, "when to give up")
	f.DurationVar(&c.settle, "settle", 15*time.Second, "how long to go on reading the log after the API answered")
	f.StringVar(&c.json, "json", "-", "where the result goes; - is standard output")
	f.StringVar(&c.logs, "log", "", "file the serial log is kept in as well")

	if err := f.Parse(argv); err != nil {
		return c, err
	}

	if f.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}

	c.CountInstructions = c.Board

	c.Options = c.WithDefaults()

	_, err := c.Args()

	return c, err
}

func run(ctx context.Context, argv []string) int {
	c, err := parse(argv)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}

	if err != nil {
		fmt.Fprintln(os.Stderr, "boot:", err)

		return 2
	}

	r, err := c.boot(ctx)

	if werr := r.write(c.json); werr != nil {
		err = errors.Join(err, werr)
	}

	if err != nil {
		fmt.Fprintf(os.Stderr, "boot: FAILED\n%s\n", indent(err.Error()))

		return 1
	}

	fmt.Fprintln(os.Stderr, "boot: passed")

	return 0
}

// result is what a run measured and saw.
type result struct {
	Image    string             `json:"image"`
	Disk     qemu.Disk          `json:"disk"`
	Passed   bool               `json:"passed"`
	Seconds  map[string]float64 `json:"seconds"` // from QEMU's start to each stage
	Machine  *answers           `json:"machine,omitempty"`
	Args     []string           `json:"kernelArgs,omitempty"`
	Findings []finding          `json:"findings"`
}

func (r result) write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}

	b = append(b, '\n')

	if path == "-" {
		_, err = os.Stdout.Write(b)

		return err
	}

	return os.WriteFile(path, b, 0o644) // a report
}

// boot runs the whole test and cleans up after it.
func (c config) boot(ctx context.Context) (result, error) {
	r := result{Image: filepath.Base(c.Image), Disk: c.Disk, Findings: []finding{}}

	allowed, err := allowances(c.Board)
	if err != nil {
		return r, err
	}

	promised, err := c.promised(ctx)
	if err != nil {
		return r, err
	}

	dir, err := os.MkdirTemp("", "boot-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir) // best effort

	medium, err := c.Prepare(ctx, dir)
	if err != nil {
		return r, err
	}

	c.Image = medium.Path

	if c.APIPort, err = qemu.FreePort(); err != nil {
		return r, err
	}

	stages := newClock()
	log := qemu.NewTranscript(time.Now(), stages.watch)

	seen, err := c.drive(ctx, dir, log, stages)
	r.Seconds = stages.seconds()
	r.Machine = seen

	fmt.Fprint(os.Stderr, table(r.Seconds))

	lines := log.Lines()
	if c.logs != "" {
		err = errors.Join(err, keep(c.logs, lines))
	}

	if err != nil {
		return r, fmt.Errorf("%w\nthe end of the serial log:\n%s", err, lastLines(lines, 60))
	}

	errs := []error{seen.judge(c.Disk, medium.Size, c.mac)}

	r.Findings = scan(lines, allowed)
	errs = append(errs, unknown(r.Findings))

	r.Args, err = kernelArgs(lines)
	if err == nil {
		err = missing(promised, r.Args)
	}

	errs = append(errs, err)
	err = errors.Join(errs...)
	r.Passed = err == nil

	return r, err
}

// drive boots the machine until it is in maintenance and has had time to complain, and stops it.
func (c config) drive(ctx context.Context, dir string, log *qemu.Transcript, stages *clock) (*answers, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("not within %s", c.timeout))
	defer cancel()

	board := log.Writer(qemu.TTYS2)
	firmware := log.Writer(qemu.Firmware)

	m, err := qemu.Start(ctx, c.Options, qemu.Consoles{Firmware: firmware, Board: board}, dir)
	if err != nil {
		return nil, err
	}

	defer func() {
		m.Stop()

		_ = firmware.Close()
		_ = board.Close()
	}()

	client, err := dial(ctx, fmt.Sprintf("127.0.0.1:%d", c.APIPort))
	if err != nil {
		return nil, fmt.Errorf("client of the API: %w", err)
	}
	defer client.Close() // nothing is written through it

	var (
		seen  *answers
		last  = errors.New("never asked")
		retry = time.NewTicker(askEvery)
	)
	defer retry.Stop()

	// Ready comes a little after the first answer.
	for seen == nil || seen.judge(c.Disk, sizeOf(c.Image), c.mac) != nil {
		select {
		case <-ctx.Done():
			return seen, stopped(context.Cause(ctx), stages, seen, last)
		case <-m.Done():
			return seen, stopped(fmt.Errorf("QEMU ended by itself: %w", orNil(m.Err())), stages, seen, last)
		case line := <-stages.dead:
			return seen, stopped(fmt.Errorf("dead end: %s", line), stages, seen, last)
		case <-retry.C:
		}

		a, err := ask(ctx, client)
		if err != nil {
			last = err

			continue
		}

		stages.mark(apiStage, time.Since(m.Started))

		seen = &a
		last = a.judge(c.Disk, sizeOf(c.Image), c.mac)
	}

	stages.mark("ready", time.Since(m.Started))

	select {
	case <-ctx.Done():
		return seen, stopped(context.Cause(ctx), stages, seen, nil)
	case <-m.Done():
		return seen, fmt.Errorf("QEMU ended by itself after the API answered: %w", orNil(m.Err()))
	case <-time.After(c.settle):
	}

	// What a user sees is what holds once the machine is at rest.
	a, err := ask(ctx, client)
	if err != nil {
		return seen, fmt.Errorf("the API answered, and %s later does no more: %w", c.settle, err)
	}

	return &a, nil
}

// stopped says how far the boot came.
func stopped(why error, stages *clock, seen *answers, last error) error {
	if seen != nil {
		return fmt.Errorf("the API answers, but not as it should: %w: %w", why, last)
	}

	at, next := stages.stoppedAt()
	if next == apiStage {
		return fmt.Errorf("the boot reached %s and the API does not answer: %w: last answer: %w", at, why, last)
	}

	return fmt.Errorf("the boot reached %s and never %s: %w", at, next, why)
}

func orNil(err error) error {
	if err == nil {
		return errors.New("exit status 0 (the guest powered off)")
	}

	return err
}

func sizeOf(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}

	return st.Size()
}

func unknown(list []finding) error {
	var errs []error

	for _, f := range list {
		if f.Allowed == "" {
			errs = append(errs, fmt.Errorf("unknown complaint: %s", f.Line))
		}
	}

	if errs == nil {
		return nil
	}

	return fmt.Errorf("%w\n(fix it, or add it with its reason to nix/tests/programs/boot/allowed.yaml)", errors.Join(errs...))
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(s, "\n", "\n  ")
}
