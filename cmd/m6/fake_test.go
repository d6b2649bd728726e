// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/fixture/diskimage"
	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/inspect/initramfs"
)

// fakeEnv makes the test program stand in for rkdeveloptool, with the directory that is its board: mode is what answers,
// storage what is on it, fault what goes wrong.
const fakeEnv = "M6_TEST_BOARD"

func TestMain(m *testing.M) {
	initramfs.Confined()

	if os.Getenv(mainEnv) != "" {
		code := run(context.Background(), rootWith(asking()))

		if name := os.Getenv(statusEnv); name != "" {
			status, _ := os.ReadFile("/proc/self/status") // its absence is noticed
			_ = os.WriteFile(name, status, 0o600)
		}

		os.Exit(code)
	}

	if dir := os.Getenv(fakeEnv); dir != "" {
		os.Exit(fakeTool(dir, os.Args[1:]))
	}

	os.Exit(m.Run())
}

// mainEnv makes the test program stand in for m6 itself, which asks before it writes a file too, whoever is there.
const mainEnv = "M6_TEST_MAIN"

// statusEnv names a file that then gets what /proc says of that process at its end.
const statusEnv = "M6_TEST_STATUS"

// asking is a flash that asks before it writes files, and takes anybody for a person.
func asking() *flashing {
	return &flashing{host: disk.ThisHost, asks: func(*disk.Disk) bool { return true }, person: func() bool { return true }}
}

// fakeTool answers as rkdeveloptool does (its main.cpp): what it prints, and an exit code that is not always telling.
func fakeTool(dir string, args []string) int {
	mode, fault := readText(dir, "mode"), readText(dir, "fault")

	line := func(n int, product string) {
		fmt.Printf("DevNo=%d\tVid=0x2207,Pid=0x%s,LocationID=%d\t%s\r\n", n, product, 100+n, mode)
	}

	if args[0] == "ld" {
		switch fault {
		case "absent":
			fmt.Print("not found any devices!\r\n")

			return 255
		case "many":
			line(1, "350b")
			line(2, "350b")
		case "another chip":
			line(1, "330c")
		default:
			line(1, "350b")
		}

		return 0
	}

	storage := filepath.Join(dir, "storage")

	f, err := os.OpenFile(storage, os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	defer f.Close() // a test

	number := func(k int) int64 {
		n, err := strconv.ParseInt(args[k], 10, 64)
		if err != nil {
			panic(err)
		}

		return n * 512
	}

	switch {
	case args[0] == "db" && fault == "db fails":
		fmt.Print("Downloading bootloader...\r\nDownloading bootloader failed!\r\n")

		return 0
	case args[0] == "db":
		if err := os.WriteFile(filepath.Join(dir, "mode"), []byte("Loader"), 0o600); err != nil {
			panic(err)
		}

		fmt.Print("Downloading bootloader...\r\nDownloading bootloader succeeded.\r\n")
	case mode == "Maskrom":
		fmt.Print("The device does not support this operation!\r\n")

		return 255
	case args[0] == "cs" && fault == "no cs":
		fmt.Print("command is invalid,please press rkdeveloptool -h to check usage!\r\n")
	case args[0] == "cs":
		if err := os.WriteFile(filepath.Join(dir, "selected"), []byte(args[1]), 0o600); err != nil {
			panic(err)
		}

		fmt.Print("Change Storage OK.\r\n")
	case args[0] == "rfi":
		st, err := f.Stat()
		if err != nil {
			panic(err)
		}

		sectors := st.Size() / 512
		if fault == "no module" {
			sectors = 0
		}

		fmt.Printf("Flash Info:\r\n\tManufacturer: SAMSUNG, value=00\r\n\tFlash Size: %d MB\r\n\tFlash Size: %d Sectors\r\n", sectors/2048, sectors)
	case args[0] == "wl" && fault == "unplugged":
		fmt.Print("Write LBA failed!\r\n")

		return 255
	case args[0] == "wl":
		pause(dir)

		b, err := os.ReadFile(args[2])
		if err != nil {
			panic(err)
		}

		if _, err := f.WriteAt(b, number(1)); err != nil {
			panic(err)
		}

		fmt.Print("Write LBA from file (100%)\r\n\x1b[1A\x1b[2KWrite LBA from file (100%)\r\n")
	case args[0] == "rl":
		b := make([]byte, number(2))
		if _, err := f.ReadAt(b, number(1)); err != nil {
			panic(err)
		}

		if fault == "bad cells" && len(b) > 5000 {
			b[5000] ^= 1
		}

		if err := os.WriteFile(args[3], b, 0o600); err != nil {
			panic(err)
		}

		fmt.Print("Read LBA to file (100%)\r\n")
	case args[0] == "rd":
		if err := os.WriteFile(filepath.Join(dir, "reset"), nil, 0o600); err != nil {
			panic(err)
		}

		fmt.Print("Reset Device OK.\r\n")
	default:
		panic(fmt.Sprint(args))
	}

	return 0
}

// board makes a board in MaskROM with some storage.
func board(t *testing.T, size int64, fault string) string {
	t.Helper()

	dir := t.TempDir()
	for name, content := range map[string]string{"mode": "Maskrom", "fault": fault, "storage": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	if err := os.Truncate(filepath.Join(dir, "storage"), size); err != nil {
		t.Fatal(err)
	}

	t.Setenv(fakeEnv, dir)

	return dir
}

// pause waits in a write, the one of the number that the board's file pause has, until the file goes is there.
func pause(dir string) {
	n, err := strconv.Atoi(readText(dir, "pause"))
	if err != nil {
		return
	}

	if err := os.WriteFile(filepath.Join(dir, "pause"), []byte(strconv.Itoa(n-1)), 0o600); err != nil {
		panic(err)
	}

	for n == 1 {
		if err := os.WriteFile(filepath.Join(dir, "paused"), nil, 0o600); err != nil {
			panic(err)
		}

		if _, err := os.Stat(filepath.Join(dir, "goes")); err == nil {
			return
		}

		time.Sleep(time.Millisecond)
	}
}

// readText reads a small file of a board; "" where there is none.
func readText(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}

	return strings.TrimSpace(string(b))
}

// m6 runs a command line and gives what it said, and its exit code.
func m6(t *testing.T, args ...string) (out, say string, code int) {
	t.Helper()

	return m6With(t, t.Context(), args...)
}

func m6With(t *testing.T, ctx context.Context, args ...string) (string, string, int) { // t first is the habit
	t.Helper()

	var out, say bytes.Buffer

	c := root()
	c.SetArgs(args)
	c.SetOut(safe{&out})
	c.SetErr(safe{&say})
	c.SetIn(strings.NewReader(""))

	err := c.ExecuteContext(ctx)
	if err != nil && !errors.Is(err, errSaid) {
		fmt.Fprintln(safe{&say}, "m6:", err)
	}

	return out.String(), say.String(), exitCode(err, ctx.Err() != nil)
}

var diskImage = diskimage.File

func standIn() diskimage.Spec {
	s := rockchiploader.Small
	s.StandIn = true

	return diskimage.Spec{Loader: s}
}

func file(t *testing.T, name string, content []byte) string {
	t.Helper()

	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, content, 0o600); err != nil {
		t.Fatal(err)
	}

	return p
}

func blank(t *testing.T, size int64) string {
	t.Helper()

	p := file(t, "card", nil)
	if err := os.Truncate(p, size); err != nil {
		t.Fatal(err)
	}

	return p
}
