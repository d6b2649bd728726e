// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cosi-project/runtime/api/v1alpha1"
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/impl/inmem"
	"github.com/cosi-project/runtime/pkg/state/impl/namespaced"
	"github.com/cosi-project/runtime/pkg/state/protobuf/server"
	"github.com/siderolabs/talos/pkg/machinery/nethelpers"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"talos-nanopi-m6/internal/qemu"
)

// recorded reads a log of "port|line" lines.
func recorded(t *testing.T, name string) []qemu.Line {
	t.Helper()

	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}

	var lines []qemu.Line

	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		port, text, ok := strings.Cut(s.Text(), "|")
		if !ok {
			t.Fatalf("%s: got %q, want a line with its port and time", name, s.Text())
		}

		lines = append(lines, qemu.Line{At: time.Duration(len(lines)) * time.Second, Port: qemu.Port(port), Text: text})
	}

	return lines
}

func replay(lines []qemu.Line) *clock {
	c := newClock()
	for _, l := range lines {
		c.watch(l)
	}

	return c
}

func TestEveryStageIsSeenInOrder(t *testing.T) {
	got := replay(recorded(t, "good.log")).seconds()

	at := -1.0

	for _, s := range stages {
		v, ok := got[s.name]
		if !ok || v <= at {
			t.Errorf("%s: got %v, want it seen after %v (seen: %v)", s.name, v, at, got)
		}

		at = v
	}
}

func TestAFailureNamesWhereTheBootStopped(t *testing.T) {
	good := recorded(t, "good.log")

	for i, s := range stages {
		upTo := slices.IndexFunc(good, func(l qemu.Line) bool { return s.sign.MatchString(l.Text) })
		want := apiStage

		if i+1 < len(stages) {
			want = stages[i+1].name
		}

		if last, next := replay(good[:upTo+1]).stoppedAt(); last != s.name || next != want {
			t.Errorf("after %s: got stopped at %s before %s, want before %s", s.name, last, next, want)
		}
	}

	if last, next := replay(nil).stoppedAt(); last != "qemu" || next != "u-boot" {
		t.Errorf("nothing printed: got %s, %s; want qemu, u-boot", last, next)
	}
}

func TestADeadEndIsNotWaitedOut(t *testing.T) {
	for _, line := range []string{
		"No more bootdevs",
		"grub rescue>",
		"[    3.1] Kernel panic - not syncing: VFS: Unable to mount root fs",
		"[    4.2] [talos] [initramfs] rebooting in 9 seconds",
	} {
		c := replay([]qemu.Line{{Port: qemu.TTYS2, Text: line}})

		select {
		case <-c.dead:
		default:
			t.Errorf("%q: got a boot that goes on, want a dead end", line)
		}
	}

	select {
	case line := <-replay(recorded(t, "good.log")).dead:
		t.Errorf("a good boot: got a dead end at %q, want none", line)
	default:
	}
}

func TestComplaintsAreFoundOnceAndOnlyTheListedAreAllowed(t *testing.T) {
	allowed, err := loadAllowances([]byte("- match: '^random: crng init failed$'\n  reason: no entropy in the sample\n"))
	if err != nil {
		t.Fatal(err)
	}

	lines := []qemu.Line{
		{Port: qemu.TTYS2, Text: "[    0.1] random: crng init failed"},
		{Port: qemu.TTYS2, Text: "[    0.1] all is well"},
		{Port: qemu.TTYS2, Text: `[   11.2] [talos] controller failed {"component": "controller-runtime", "controller": "network.NfTablesChainController", "error": "netlink receive: invalid argument"}`},
		{Port: qemu.TTYS2, Text: `[   12.2] [talos] controller failed {"component": "controller-runtime", "controller": "network.NfTablesChainController", "error": "netlink receive: invalid argument"}`},
		{Port: qemu.Firmware, Text: "*** Warning - bad CRC, using default environment"},
	}

	got := scan(lines, allowed)
	if len(got) != 2 || got[0].Allowed != "no entropy in the sample" || got[1].Allowed != "" {
		t.Fatalf("got %+v, want two findings, the first allowed", got)
	}

	if err := unknown(got); err == nil || !strings.Contains(err.Error(), "NfTablesChainController") {
		t.Fatalf("got %v, want %q", err, "NfTablesChainController")
	}
}

// TestAGoodBootHasNoUnknownComplaints reads the log of one: what it complains of is listed, and found.
func TestAGoodBootHasNoUnknownComplaints(t *testing.T) {
	allowed, err := loadAllowances(allowedYAML)
	if err != nil {
		t.Fatal(err)
	}

	found := scan(recorded(t, "good.log"), allowed)
	if err := unknown(found); err != nil {
		t.Error(err)
	}

	if len(found) < 4 {
		t.Errorf("got %d complaints, want 4 or more: %+v", len(found), found)
	}
}

func TestWhatTalosSaysWhenTheKernelLacksAFeatureIsAComplaint(t *testing.T) {
	for _, l := range recorded(t, "lacking.log") {
		if got := scan([]qemu.Line{l}, nil); len(got) != 1 {
			t.Errorf("%s: got %d findings, want 1", l.Text, len(got))
		}
	}
}

func TestEveryAllowanceHasAReasonAndALimit(t *testing.T) {
	list, err := loadAllowances(allowedYAML)
	if err != nil {
		t.Fatal(err)
	}

	for _, a := range list {
		if a.re.MatchString(`[talos] controller failed {"component": "controller-runtime", "controller": "x.Y", "error": "z"}`) {
			t.Errorf("%q: got a match for any controller, want named ones alone", a.Match)
		}
	}

	for _, bad := range []string{
		"- match: x\n",
		"- match: x\n  reason: ' '\n",
		"- match: '.*'\n  reason: all\n",
		"- match: '('\n  reason: broken\n",
		"- match: x\n  reason: y\n  also: z\n",
	} {
		if _, err := loadAllowances([]byte(bad)); err == nil {
			t.Errorf("accepted: %s: got no error, want one", bad)
		}
	}
}

func TestKernelArgumentsAreReadFromTheBoardsConsole(t *testing.T) {
	good := recorded(t, "good.log")

	got, err := kernelArgs(good)
	if err != nil || !slices.Contains(got, "talos.platform=metal") {
		t.Fatal(got, err)
	}

	for i := range good {
		good[i].Port = qemu.Firmware
	}

	if _, err := kernelArgs(good); err == nil {
		t.Fatalf("the other console was taken for it: got no error, want one")
	}
}

func TestBrokenPromisesAreNamed(t *testing.T) {
	given := []string{"console=tty0", "console=ttyS2,1500000", "sysctl.kernel.kexec_load_disabled=1"}

	for _, c := range []struct {
		promised []string
		want     string
	}{
		{[]string{"console=tty0", "console=ttyS2,1500000"}, ""},
		{[]string{"-consoleblank=0"}, ""},
		{[]string{"-console=tty0"}, "console=tty0 should be gone"},
		{[]string{"consoleblank=0"}, "no consoleblank=0"},
		{[]string{"console=tty0"}, "/dev/console is console=ttyS2,1500000, want console=tty0"},
	} {
		err := missing(c.promised, given)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: got %v, want %q", c.promised, err, c.want)
		}
	}
}

func TestAnInstallerThatPromisesNothingIsAnError(t *testing.T) {
	script := filepath.Join(t.TempDir(), "installer")

	for content, want := range map[string]string{
		"echo 'name: nanopi-m6'":                         "promises no kernel argument",
		"echo sorry >&2; exit 3":                         "sorry",
		"printf 'kernelArgs:\\n- console=ttyS2\\n'":      "",
		"cat >/dev/null; echo 'kernelArgs: {not: list}'": "get-options",
	} {
		if err := os.WriteFile(script, []byte("#!/bin/sh\n"+content+"\n"), 0o700); err != nil { // it is run
			t.Fatal(err)
		}

		got, err := config{installer: script, args: []string{"a"}}.promised(t.Context())
		if want == "" && (err != nil || !slices.Equal(got, []string{"a", "console=ttyS2"})) {
			t.Errorf("%s: got %v, %v; want a and console=ttyS2", content, got, err)
		}

		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", content, err, want)
		}
	}
}

const diskSize = 1306525696

func good() answers {
	return answers{
		Stage: "maintenance",
		Ready: true,
		Disks: []disk{{Name: "vda", Size: diskSize, Transport: "virtio"}},
		Links: []link{{Name: "lo", Type: "loopback", State: "unknown"}, {Name: "enp0s2", Type: "ether", Physical: true, State: "up", MAC: "52:54:4d:36:00:01"}},
	}
}

func TestAMachineIsJudgedByWhatAUserWouldMiss(t *testing.T) {
	const mac = "52:54:4d:36:00:01"

	for _, want := range []string{mac, ""} {
		if err := good().judge(qemu.Virtio, diskSize, want); err != nil {
			t.Errorf("with the address %q: got %v, want none", want, err)
		}
	}

	for want, spoil := range map[string]func(*answers){
		"stage booting":           func(a *answers) { a.Stage = "booting" },
		"not ready: [x]":          func(a *answers) { a.Ready, a.Unmet = false, []string{"x"} },
		"no virtio disk":          func(a *answers) { a.Disks[0].Transport = "nvme" },
		"disk of 1306525696":      func(a *answers) { a.Disks[0].Size-- },
		"no Ethernet link is up":  func(a *answers) { a.Links[1].State = "down" },
		"no Ethernet link":        func(a *answers) { a.Links[1].Physical = false },
		"with the address " + mac: func(a *answers) { a.Links[1].MAC = "52:54:4d:36:00:02" },
	} {
		a := good()
		spoil(&a)

		if err := a.judge(qemu.Virtio, diskSize, mac); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// serve is a Talos API in maintenance mode, as far as it is asked here: resources over TLS with an unknown certificate.
func serve(t *testing.T, resources ...resource.Resource) string {
	t.Helper()

	st := state.WrapCore(namespaced.NewState(inmem.Build))

	for _, r := range resources {
		if err := st.Create(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}

	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}

	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	s := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&tls.Certificate{Certificate: [][]byte{cert}, PrivateKey: key})))
	v1alpha1.RegisterStateServer(s, server.NewState(st))

	go func() { _ = s.Serve(l) }() // ends with Stop

	t.Cleanup(s.Stop)

	return l.Addr().String()
}

func TestTheAPIIsAskedAsTalosctlAsksIt(t *testing.T) {
	status := runtime.NewMachineStatus()
	status.TypedSpec().Stage = runtime.MachineStageMaintenance
	status.TypedSpec().Status.Ready = true

	d := block.NewDisk(block.NamespaceName, "vda")
	d.TypedSpec().Size = diskSize
	d.TypedSpec().Transport = "virtio"

	l := network.NewLinkStatus(network.NamespaceName, "enp0s2")
	l.TypedSpec().Type = nethelpers.LinkEther
	l.TypedSpec().OperationalState = nethelpers.OperStateUp

	endpoint := serve(t, status, d, l)

	c, err := dial(t.Context(), endpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() // the test is over

	a, err := ask(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}

	if err := a.judge(qemu.Virtio, diskSize, ""); err != nil {
		t.Fatal(err)
	}
}

func TestAnAPIThatAnswersNothingIsAnErrorNotAnAnswer(t *testing.T) {
	c, err := dial(t.Context(), serve(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() // the test is over

	if a, err := ask(t.Context(), c); err == nil {
		t.Fatalf("%+v: got no error, want one", a)
	}
}

// standIn is a configuration whose QEMU is a shell script.
func standIn(t *testing.T, script string) config {
	t.Helper()

	dir := t.TempDir()
	c := config{Options: qemu.Options{
		Program:  filepath.Join(dir, "qemu"),
		Firmware: filepath.Join(dir, "u-boot.bin"),
		Image:    filepath.Join(dir, "metal-arm64.raw"),
		Disk:     qemu.Virtio,
	}, timeout: time.Minute}

	for path, content := range map[string]string{c.Program: "#!/bin/sh\n" + script, c.Firmware: "", c.Image: "x"} {
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil { // one of them is run
			t.Fatal(err)
		}
	}

	return c
}

func TestARunThatFailsSaysWhyAndShowsTheLog(t *testing.T) {
	for _, c := range []struct {
		name, script string
		timeout      time.Duration
		want         []string
	}{
		{"deadline", "echo 'U-Boot 2025.01'; exec sleep 600", 2 * time.Second, []string{"reached u-boot and never efi", "not within 2s", "| U-Boot 2025.01"}},
		{"silence", "exec sleep 600", time.Second, []string{"reached qemu and never u-boot", "(nothing was printed)"}},
		{"dead end", "echo 'U-Boot 2025.01'; echo 'No more bootdevs'; exec sleep 600", time.Minute, []string{"dead end: No more bootdevs"}},
		{"QEMU fails", "echo 'no such device' >&2; exit 1", time.Minute, []string{"QEMU ended by itself", "no such device"}},
		{"guest powers off", "exit 0", time.Minute, []string{"the guest powered off"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := standIn(t, c.script)
			cfg.timeout = c.timeout

			r, err := cfg.boot(t.Context())
			if err == nil || r.Passed {
				t.Fatalf("got a pass: %+v, want a failure", r)
			}

			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("no %q in: got %v, want %q", w, err, w)
				}
			}
		})
	}
}

func TestAnInterruptStopsQEMUAndLeavesNothing(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	c := standIn(t, fmt.Sprintf("echo $$ >%s.new; mv %[1]s.new %[1]s; exec sleep 600", pidFile))

	t.Setenv("TMPDIR", t.TempDir())

	ctx, interrupt := context.WithCancel(t.Context())

	go func() {
		for {
			if _, err := os.Stat(pidFile); err == nil {
				interrupt()

				return
			}

			time.Sleep(time.Millisecond)
		}
	}()

	if _, err := c.boot(ctx); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Fatalf("got %v, want %q", err, "canceled")
	}

	pid, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := os.Stat("/proc/" + strings.TrimSpace(string(pid))); err == nil {
		t.Errorf("QEMU %s still runs: got no error, want one", pid)
	}

	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("got %v, %v; want nothing left behind", left, err)
	}
}

func TestBadUsageIsNotAFailedBoot(t *testing.T) {
	for _, argv := range [][]string{
		{},
		{"-image", "x", "-disk", "floppy"},
		{"-image", "x", "stray"},
		{"-nonsense"},
	} {
		if code := run(t.Context(), argv); code != 2 {
			t.Errorf("%v: got exit code %d, want 2", argv, code)
		}
	}
}
