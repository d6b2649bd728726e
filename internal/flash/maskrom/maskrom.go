// SPDX-License-Identifier: MPL-2.0

// Package maskrom reaches a board whose mask ROM waits on USB, through Rockchip's rkdeveloptool, and gives its storage as a
// device that packages flash and medium write to, in the same order and with the same comparison as a card. Tested against a program
// that stands in for rkdeveloptool and its USB transport; not tried on hardware.
//
// Source of commands and their output: github.com/rockchip-linux/rkdeveloptool, main.cpp (304f073).
package maskrom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"talos-nanopi-m6/internal/child"
	"talos-nanopi-m6/internal/disk"
)

// USB identification of a Rockchip device and of the RK3588.
const (
	Vendor  = "2207"
	Product = "350b"
)

// Mode is what answers on USB.
type Mode string

// The mask ROM, which only takes a program that starts the memory, and that program, which reads and writes storage.
const (
	MaskROM Mode = "Maskrom"
	Loader  Mode = "Loader"
)

// Storage is what the agent on the board writes to.
type Storage int

// Storage as rkdeveloptool numbers it (its command cs).
const (
	EMMC Storage = 1
	SD   Storage = 2
	SPI  Storage = 9
)

// Storages are their names.
var Storages = map[string]Storage{"emmc": EMMC, "sd": SD, "spi": SPI}

// Errors of the way to a board.
var (
	ErrNoBoard   = errors.New("no board on USB")
	ErrManyBoard = errors.New("more than one Rockchip device on USB: leave only the one")
	ErrTool      = errors.New("rkdeveloptool")
)

// Tool is rkdeveloptool.
type Tool struct {
	// Program is its path.
	Program string
}

// run runs one command, and gives what it printed. rkdeveloptool's exit code does not tell everything, so a step whose
// success can be seen is looked at as well.
func (t Tool) run(ctx context.Context, args ...string) (string, error) {
	c := exec.CommandContext(ctx, t.Program, args...)
	// Ctrl-C would leave the board in the middle of a transfer: it is this process' to take.
	child.Bind(c, true)

	out, err := c.CombinedOutput()
	text := plain(string(out))

	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%w: %w: install the package rkdeveloptool", ErrTool, err)
	}

	if ctx.Err() != nil {
		return text, context.Cause(ctx)
	}

	if err != nil || strings.Contains(strings.ToLower(text), "failed") {
		last := strings.TrimSpace(text)
		if k := strings.LastIndexByte(last, '\n'); k >= 0 {
			last = strings.TrimSpace(last[k:])
		}

		if err == nil {
			err = errors.New("it says it failed")
		}

		return text, fmt.Errorf("%w %s: %w: %s", ErrTool, strings.Join(args, " "), err, last)
	}

	return text, nil
}

// control are the escape sequences it draws its progress with.
var control = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]|\r`)

func plain(s string) string { return control.ReplaceAllString(s, "") }

// Board is a device on USB.
type Board struct {
	Vendor, Product, Location string
	Mode                      Mode
}

var boardLine = regexp.MustCompile(`(?m)^DevNo=\d+\s+Vid=0x([0-9a-f]+),Pid=0x([0-9a-f]+),LocationID=([0-9a-f]+)\s+(\w+)`)

// Find finds the board.
func (t Tool) Find(ctx context.Context) (Board, error) {
	text, err := t.run(ctx, "ld")
	if err != nil && (errors.Is(err, os.ErrNotExist) || ctx.Err() != nil || strings.Contains(err.Error(), "install the package")) {
		return Board{}, err
	}

	found := boardLine.FindAllStringSubmatch(text, -1) // it ends with an error where there is none

	switch {
	case len(found) == 0:
		return Board{}, ErrNoBoard
	case len(found) > 1:
		return Board{}, ErrManyBoard
	}

	b := Board{Vendor: found[0][1], Product: found[0][2], Location: found[0][3], Mode: Mode(found[0][4])}
	if b.Vendor != Vendor || b.Product != Product {
		return b, fmt.Errorf("%w: %s:%s is another Rockchip chip, the NanoPi M6's is %s:%s", ErrNoBoard, b.Vendor, b.Product, Vendor, Product)
	}

	return b, nil
}

// Start gives the mask ROM the program that starts the memory and then answers on USB.
func (t Tool) Start(ctx context.Context, loader string) error {
	head := make([]byte, 4)

	f, err := os.Open(loader)
	if err != nil {
		return err
	}

	_, err = io.ReadFull(f, head)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", loader, err)
	}

	// boot_merger's container starts with "LDR " or, of older chips, "BOOT".
	if s := string(head); s != "LDR " && s != "BOOT" {
		return fmt.Errorf("%s starts with %q: no loader for the mask ROM (rk3588_spl_loader_….bin of rkbin's boot_merger starts with \"LDR \")", loader, s)
	}

	_, err = t.run(ctx, "db", loader)

	return err
}

// Select chooses the storage.
func (t Tool) Select(ctx context.Context, s Storage) error {
	text, err := t.run(ctx, "cs", strconv.Itoa(int(s)))
	if err == nil && !strings.Contains(text, "OK") {
		err = fmt.Errorf("%w: this one knows no command cs (Debian 12's does not): only the eMMC can be written to", ErrTool)
	}

	return err
}

// Reset starts the board anew.
func (t Tool) Reset(ctx context.Context) error {
	_, err := t.run(ctx, "rd")

	return err
}

var flashSize = regexp.MustCompile(`Flash Size: (\d+) Sectors`)

// Open opens the chosen storage as a medium. dir takes temporary files.
func (t Tool) Open(ctx context.Context, dir string) (*Medium, error) {
	text, err := t.run(ctx, "rfi")
	if err != nil {
		return nil, err
	}

	m := flashSize.FindStringSubmatch(text)
	if m == nil {
		return nil, fmt.Errorf("%w: the board does not say how large its storage is: %s", ErrTool, strings.TrimSpace(text))
	}

	sectors, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil || sectors == 0 {
		return nil, fmt.Errorf("%w: the board says its storage has %s sectors: is there an eMMC module in the socket?", ErrTool, m[1])
	}

	return &Medium{tool: t, ctx: ctx, dir: dir, size: sectors * 512}, nil
}

// Medium is the storage of a board on USB. It implements disk.Device; one command runs at a time.
type Medium struct {
	tool Tool
	ctx  context.Context // the medium lives for one run
	dir  string
	size int64

	// turn lets one command run at a time: the board has one channel.
	turn sync.Mutex
}

// run runs a command. One that is a part of a change is let come to its end, as a write to a disk is: what comes after it is not begun
// after a signal, but for what takes a half-written medium's header away.
func (m *Medium) run(args ...string) (string, error) {
	ctx := m.ctx
	if disk.Writing() {
		ctx = context.WithoutCancel(ctx)
	}

	return m.tool.run(ctx, args...)
}

// ReadAt reads whole sectors.
func (m *Medium) ReadAt(p []byte, off int64) (int, error) {
	m.turn.Lock()
	defer m.turn.Unlock()

	start := off &^ 511
	end := min((off+int64(len(p))+511)&^511, m.size)

	if start >= end {
		return 0, io.EOF
	}

	file := filepath.Join(m.dir, "read")
	defer os.Remove(file) // the directory goes as well

	if _, err := m.run("rl", sectors(start), sectors(end-start), file); err != nil {
		return 0, err
	}

	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}

	if int64(len(b)) < end-start {
		return 0, fmt.Errorf("%w rl: %d of %d bytes came back", ErrTool, len(b), end-start)
	}

	n := copy(p, b[off-start:end-start])
	if n < len(p) {
		return n, io.EOF
	}

	return n, nil
}

// WriteAt writes whole sectors.
func (m *Medium) WriteAt(p []byte, off int64) (int, error) {
	m.turn.Lock()
	defer m.turn.Unlock()

	file := filepath.Join(m.dir, "write")
	defer os.Remove(file) // the directory goes as well

	if err := os.WriteFile(file, p, 0o600); err != nil {
		return 0, err
	}

	if _, err := m.run("wl", sectors(off), file); err != nil {
		return 0, err
	}

	return len(p), nil
}

// zeros is how much is zeroed with one command, in bytes.
const zeros = 16 << 20

// Zero writes zeros: there is no other way over USB.
func (m *Medium) Zero(offset, size int64) error {
	for b := make([]byte, min(size, zeros)); size > 0; {
		n, err := m.WriteAt(b[:min(size, zeros)], offset)
		if err != nil {
			return err
		}

		offset += int64(n)
		size -= int64(n)
	}

	return nil
}

// Discard does nothing: rkdeveloptool's "ef" erases without end.
func (m *Medium) Discard() (bool, error) { return false, nil }

// Sync does nothing: a write returns when the agent has written.
func (m *Medium) Sync() error { return nil }

// Reread does nothing: it is not a disk of this machine.
func (m *Medium) Reread() error { return nil }

// Size is the storage's, in bytes.
func (m *Medium) Size() int64 { return m.size }

// SectorSize is what rkdeveloptool counts in, in bytes.
func (m *Medium) SectorSize() int { return 512 }

// Blank implements disk.Medium.
func (m *Medium) Blank() byte { return 0 }

// Name is what messages call it.
func (m *Medium) Name() string { return "the board's storage" }

// Close does nothing.
func (m *Medium) Close() error { return nil }

func sectors(n int64) string { return strconv.FormatInt(n/512, 10) }
