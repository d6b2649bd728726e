// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/fixture/diskimage"
	"talos-nanopi-m6/internal/fixture/loopdevice"
	"talos-nanopi-m6/internal/verify"
)

// answer is a person who does something before answering.
type answer struct {
	first func()
	text  io.Reader
}

func (a *answer) Read(p []byte) (int, error) {
	if a.first != nil {
		a.first()
		a.first = nil
	}

	return a.text.Read(p)
}

// flashAsked runs flash with somebody at the prompt.
func flashAsked(t *testing.T, f *flashing, in io.Reader, args ...string) (string, int) {
	t.Helper()

	var say bytes.Buffer

	c := rootWith(f)
	c.SetArgs(append([]string{"flash"}, args...))
	c.SetOut(&say)
	c.SetErr(&say)
	c.SetIn(in)

	err := c.ExecuteContext(t.Context())
	if err != nil {
		fmt.Fprintln(&say, err)
	}

	return say.String(), exitCode(err, false)
}

// verified says whether a card holds a whole image.
func verified(t *testing.T, card string) bool {
	t.Helper()

	r, err := verify.Path(t.Context(), card, verify.Options{})

	return err == nil && r.Passed
}

func TestTheDiskThatIsSwappedAtThePromptIsNotWritten(t *testing.T) {
	image := diskImage(t, diskimage.Spec{})
	photos := bytes.Repeat([]byte("photo123"), 1<<17)

	// Another file takes its name.
	card, other := blank(t, diskimage.Size), file(t, "other", photos)
	kept := card + ".kept"

	say, code := flashAsked(t, asking(), &answer{func() {
		if err := os.Rename(card, kept); err != nil {
			t.Fatal(err)
		}

		if err := os.Rename(other, card); err != nil {
			t.Fatal(err)
		}
	}, strings.NewReader("yes\n")}, image, card)

	if got, err := os.ReadFile(card); err != nil || !bytes.Equal(got, photos) {
		t.Errorf("a file that took the name: got %.20q (%v), want it as it was: %d %s", got, err, code, say)
	}

	if code != exitDone || !verified(t, kept) {
		t.Errorf("the file that was asked for: got %d %s, want a whole image in it", code, say)
	}

	// The loop device is detached, and another file attached.
	card, other = blank(t, diskimage.Size), file(t, "other", photos)

	loop, ok := loopdevice.Attach(t, card, 512, false)
	if !ok {
		return
	}

	say, code = flashAsked(t, asking(), &answer{func() { swapLoop(t, loop, other) }, strings.NewReader("yes\n")}, image, loop)

	if got, err := os.ReadFile(other); err != nil || !bytes.Equal(got, photos) {
		t.Errorf("another file behind the loop device: got %.20q (%v), want it as it was: %d %s", got, err, code, say)
	}

	if code == exitDone && !verified(t, card) {
		t.Errorf("got exit code 0 and no image, want one: %s", say)
	}
}

// swapLoop does what losetup -d and losetup do.
func swapLoop(t *testing.T, loop, file string) {
	t.Helper()

	l, err := os.OpenFile(loop, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // a request

	_ = unix.IoctlSetInt(int(l.Fd()), unix.LOOP_CLR_FD, 0)

	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // the device has its own

	_ = unix.IoctlLoopConfigure(int(l.Fd()), &unix.LoopConfig{Fd: uint32(f.Fd()), Size: 512}) // the kernel may refuse
}

// cards is a machine with disks of a test's choice.
type cards struct {
	disk.Host
	list []disk.Target
	// now is what the disk turns out to be once it is open.
	now disk.Target
}

func (c cards) Targets() ([]disk.Target, error)    { return c.list, nil }
func (c cards) Of(*disk.Disk) (disk.Target, error) { return c.now, nil }
func (c cards) Target(string) (disk.Target, error) { return c.now, nil }
func (c cards) Same(a, b string) bool              { return disk.ThisHost.Same(a, b) }
func (c cards) with(now disk.Target) cards         { c.now = now; return c }
func (c cards) flash() *flashing                   { f := asking(); f.host = c; return f }
func (c cards) whoIsNot(f *flashing) *flashing     { f.person = func() bool { return false }; return f }

func TestFlashWithoutArgumentsGuides(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)

	card := blank(t, diskimage.Size)
	own := disk.Target{Path: "/dev/nvme0n1", Size: 500 << 30, SectorSize: 512, Uses: []disk.Use{{By: "/dev/nvme0n1p2", Mount: "/", System: true}}}
	fit := disk.Target{Path: card, Size: diskimage.Size, SectorSize: 512, Removable: true, Known: true, Model: "Card Reader"}
	h := cards{list: []disk.Target{fit, own}}.with(fit)

	if say, code := flashAsked(t, h.flash(), strings.NewReader("1\n")); code != exitInput || !strings.Contains(say, "no disk image in this folder") {
		t.Errorf("no image: got %d %s, want exit code %d and %q", code, say, exitInput, "no disk image in this folder")
	}

	image := diskImage(t, diskimage.Spec{})
	if err := os.Symlink(image, filepath.Join(dir, "metal-arm64.raw")); err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		f    *flashing
		in   string
		code int
		say  string
	}{
		"nothing":      {h.flash(), "\n", exitRefused, "nothing was written"},
		"the system's": {h.flash(), "2\n", exitRefused, "nothing was written"},
		"nobody":       {h.whoIsNot(h.flash()), "", exitRefused, "nobody is there"},
		"no card":      {cards{list: []disk.Target{own}}.flash(), "1\n", exitRefused, "put a card in"},
		"another card": {h.with(disk.Target{Path: card, Size: diskimage.Size, SectorSize: 512, Known: true, Model: "Photos"}).flash(), "1\n", exitRefused, "another disk"},
	} {
		say, code := flashAsked(t, c.f, strings.NewReader(c.in))
		if code != c.code || !strings.Contains(say, c.say) {
			t.Errorf("%s: got %d %s, want %d %s", name, code, say, c.code, c.say)
		}
	}

	say, code := flashAsked(t, h.flash(), strings.NewReader("1\n"))
	if code != exitDone || !verified(t, card) || strings.Count(say, "Type") != 1 || !strings.Contains(say, "no: this machine runs from it") {
		t.Errorf("got %d %s, want one question, a reason for the system's disk, and a whole image", code, say)
	}

	if err := os.WriteFile(filepath.Join(dir, "other.raw.xz"), nil, 0o600); err != nil {
		t.Fatal(err)
	}

	if say, code := flashAsked(t, h.flash(), strings.NewReader("1\n")); code != exitInput || !strings.Contains(say, "more than one disk image") {
		t.Errorf("two images: got %d %s, want exit code %d and %q", code, say, exitInput, "more than one disk image")
	}
}

// process is m6 as a process of its own, with a pipe as its standard input.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	say *watched
}

// watched is what a process says.
type watched struct {
	text bytes.Buffer
	want string
	seen chan struct{}
}

func (w *watched) String() string { return w.text.String() }

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.text.Write(p)

	if w.want != "" && strings.Contains(w.String(), w.want) {
		w.want = ""
		close(w.seen)
	}

	return n, err
}

func start(t *testing.T, until string, args ...string) *process {
	t.Helper()

	p := &process{cmd: exec.CommandContext(t.Context(), os.Args[0], args...), say: &watched{want: until, seen: make(chan struct{})}}
	p.cmd.Env = append(os.Environ(), mainEnv+"=1")
	p.cmd.Stdout, p.cmd.Stderr = io.Discard, p.say

	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}

	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}

	return p
}

// patienceOfATest is how long a process gets before its test fails, instead of hanging: no measure of anything.
const patienceOfATest = time.Minute

func TestASignalEndsWhatWaits(t *testing.T) {
	image, card := diskImage(t, diskimage.Spec{}), file(t, "card", bytes.Repeat([]byte("photo123"), diskimage.Size/8))

	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		until  string
		args   []string
		signal syscall.Signal
	}{
		"at the prompt":           {"Type yes", []string{"flash", image, card}, syscall.SIGINT},
		"standard input stalls":   {"", []string{"flash", "--yes", "-", card}, syscall.SIGTERM},
		"a pipe nobody writes to": {"", []string{"flash", "--yes", fifo, card}, syscall.SIGINT},
		"the terminal is gone":    {"Type yes", []string{"flash", image, card}, syscall.SIGHUP},
	} {
		p := start(t, c.until, c.args...)

		if c.until != "" {
			select {
			case <-p.say.seen:
			case <-time.After(patienceOfATest):
				t.Errorf("%s: got no %q, want it", name, c.until)
			}
		} else {
			time.Sleep(300 * time.Millisecond) // nothing tells that it waits; a signal before it does ends it as well
		}

		if err := p.cmd.Process.Signal(c.signal); err != nil {
			t.Fatal(err)
		}

		timer := time.AfterFunc(patienceOfATest, func() { _ = p.cmd.Process.Kill() })
		err := p.cmd.Wait()

		timer.Stop()

		if code := p.cmd.ProcessState.ExitCode(); code != exitInterrupted && name != "standard input stalls" && name != "a pipe nobody writes to" ||
			p.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
			t.Errorf("%s: got exit code %d (%v), want %d: %s", name, code, err, exitInterrupted, p.say)
		}
	}

	if got, err := os.ReadFile(card); err != nil || !bytes.HasPrefix(got, []byte("photo123")) {
		t.Errorf("the card: got %.20q (%v), want it as it was", got, err)
	}
}

// stuckTool stands in for an rkdeveloptool whose board answers no write.
const stuckTool = `#!/bin/sh
case $1 in
ld) printf 'DevNo=1\tVid=0x2207,Pid=0x350b,LocationID=101\tLoader\r\n' ;;
rfi) printf 'Flash Info:\r\n\tFlash Size: 2000000 Sectors\r\n' ;;
wl) : >"$M6_TEST_BOARD/writing" && exec sleep 600 ;;
esac
`

func TestASecondSignalEndsAWriteThatDoesNotEnd(t *testing.T) {
	dir := board(t, 0, "")

	tool := file(t, "rkdeveloptool", []byte(stuckTool))
	if err := os.Chmod(tool, 0o700); err != nil {
		t.Fatal(err)
	}

	p := start(t, "comes to an end first", "recover", "--yes", "--rkdeveloptool", tool, diskImage(t, diskimage.Spec{}))

	timer := time.AfterFunc(patienceOfATest, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()

	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }()

	writing := make(chan struct{})

	go func() {
		for _, err := os.Stat(filepath.Join(dir, "writing")); err != nil && t.Context().Err() == nil; _, err = os.Stat(filepath.Join(dir, "writing")) {
			time.Sleep(time.Millisecond)
		}

		close(writing)
	}()

	for _, until := range []chan struct{}{writing, p.say.seen} {
		select {
		case <-until:
		case err := <-ended:
			t.Fatalf("it ended before the second signal: %v: %s", err, p.say)
		}

		if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}

	err := <-ended
	if code := p.cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.Contains(p.say.String(), "in the middle of writing") {
		t.Errorf("got exit code %d (%v), want %d and what is left: %s", code, err, exitInterrupted, p.say)
	}
}
