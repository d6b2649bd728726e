// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	clientconfig "github.com/siderolabs/talos/pkg/machinery/client/config"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
)

// patience is when a step counts as hung. Nothing is measured by it.
const patience = 3 * time.Hour

// told is how often who waits is told what for.
const told = 3 * time.Minute

// kubernetesVersion is the one that a node is configured for.
const kubernetesVersion = "1.33.5"

// boardQEMU is the QEMU that has the model of the board, where the node is that (docs/board-model.md).
var boardQEMU = os.Getenv("NODE_BOARD")

// node is a machine that is switched on and off.
type node struct {
	t     *testing.T
	dir   string
	api   string // HOST:PORT
	kube  string // HOST:PORT of Kubernetes' API
	admin *clientconfig.Config
	// network is QEMU's arguments for it.
	network []string

	boots   int
	since   time.Time      // when it was switched on
	console string         // what the board's console says since it was switched on
	machine int            // the process group of QEMU and who started it
	plug    io.WriteCloser // takes the firmware's keys; closed it is pulled
	off     chan struct{}  // closed when QEMU has ended

	mu       sync.Mutex
	firmware bytes.Buffer // what the firmware's console says since it was switched on
}

func newNode(t *testing.T) *node {
	t.Helper()

	n := &node{t: t, dir: t.TempDir(), api: address(t), kube: address(t)}
	n.network = n.uplink("net")

	if boardQEMU != "" {
		n.network = append(n.network, "-net", "nic,netdev=net")
	} else {
		n.network = append(n.network, "-device", "virtio-net-pci,netdev=net,romfile=")
	}

	t.Cleanup(func() {
		n.pull()

		if t.Failed() {
			t.Logf("the firmware's console:\n%s\nthe board's console:\n%s", n.firmwareSaid(), n.said())
		}
	})

	return n
}

// uplink is QEMU's user network, from which the node's APIs are reached. More of them are forwarded by what QEMU calls rules.
func (n *node) uplink(id string, rules ...string) []string {
	rules = append([]string{"tcp:" + n.api + "-:50000", "tcp:" + n.kube + "-:6443"}, rules...)

	return []string{"-netdev", "user,id=" + id + ",hostfwd=" + strings.Join(rules, ",hostfwd=")}
}

// address is a HOST:PORT of loopback that nobody listens on.
func address(t *testing.T) string {
	t.Helper()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	defer listener.Close() // was only asked for

	return listener.Addr().String()
}

// image decodes the disk image into a file of the given size, in bytes.
func (n *node) image(name string, size int64) string {
	n.t.Helper()

	disk := filepath.Join(n.dir, name)

	if out, err := exec.Command("zstd", "--decompress", "--quiet", "--force", os.Getenv("NODE_IMAGE"), "-o", disk).CombinedOutput(); err != nil {
		n.t.Fatalf("zstd: %v\n%s", err, out)
	}

	if err := errors.Join(os.Chmod(disk, 0o600), os.Truncate(disk, size)); err != nil {
		n.t.Fatal(err)
	}

	return disk
}

// Write takes what the firmware's console says.
func (n *node) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.firmware.Write(p)
}

func (n *node) firmwareSaid() string {
	n.mu.Lock()
	defer n.mu.Unlock()

	return strings.ReplaceAll(n.firmware.String(), "\r", "")
}

// start switches it on, with the disks that QEMU's arguments name. NODE_QEMU has more of those.
func (n *node) start(disks ...string) {
	n.t.Helper()

	n.mu.Lock()
	n.firmware.Reset()
	n.mu.Unlock()

	n.boots++
	n.console = filepath.Join(n.dir, fmt.Sprintf("console-%d", n.boots))
	n.off = make(chan struct{})
	n.since = time.Now()
	cmd := exec.Command(os.Getenv("NODE_START"), slices.Concat(n.virtOrBoard(), n.network, strings.Fields(os.Getenv("NODE_QEMU")), disks)...)
	cmd.Stderr = os.Stderr
	cmd.Stdout = n
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}

	var err error
	if n.plug, err = cmd.StdinPipe(); err != nil {
		n.t.Fatal(err)
	}

	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}

	n.machine = cmd.Process.Pid

	go func(off chan struct{}) {
		_ = cmd.Wait()

		close(off)
	}(n.off)
}

// virtOrBoard is QEMU's command line: its own arm64 machine or the model of the board, without network and disks.
func (n *node) virtOrBoard() []string {
	if boardQEMU != "" {
		return []string{
			boardQEMU,
			"-M", "nanopi-m6", "-m", "4G", "-nodefaults", "-display", "none", "-monitor", "none",
			// One console for all.
			"-chardev", "file,id=console,path=" + n.console, "-serial", "chardev:console",
		}
	}

	return []string{
		"qemu-system-aarch64",
		"-M", "virt", "-cpu", "cortex-a76", "-smp", "2", "-m", "3072", "-nodefaults", "-display", "none",
		// Disks are encrypted with the node's identity, which is the firmware's.
		"-uuid", "6d366d36-1234-4abc-8def-0123456789ab",
		"-bios", os.Getenv("NODE_FIRMWARE"),
		"-device", "virtio-rng-pci,romfile=",
		// U-Boot and GRUB talk here.
		"-chardev", "stdio,id=firmware,signal=off", "-serial", "chardev:firmware", "-monitor", "none",
		// The board's console is ttyS2.
		"-chardev", "null,id=s0", "-chardev", "null,id=s1", "-chardev", "file,id=s2,path=" + n.console, "-chardev", "null,id=s3",
		"-device", "pci-serial-4x,chardev1=s0,chardev2=s1,chardev3=s2,chardev4=s3",
	}
}

// disk is QEMU's arguments for the one disk of a machine: the board's is the card.
func disk(file string) []string {
	if boardQEMU != "" {
		return []string{"-drive", "if=sd,index=0,format=raw,file=" + file}
	}

	return []string{"-drive", "if=none,id=disk,format=raw,file=" + file, "-device", "virtio-blk-pci,drive=disk,romfile="}
}

// on says whether it is switched on.
func (n *node) on() bool {
	if n.plug == nil {
		return false
	}

	select {
	case <-n.off:
		return false
	default:
		return true
	}
}

// pull pulls the plug.
func (n *node) pull() {
	if n.plug != nil {
		_ = n.plug.Close()
		<-n.off
	}
}

func (n *node) said() string {
	b, _ := os.ReadFile(n.console)

	return string(bytes.ReplaceAll(b, []byte{'\r'}, nil))
}

// until calls try until it gives no error.
func (n *node) until(what string, try func(context.Context) error) {
	n.t.Helper()

	begin := time.Now()

	for deadline, tell := begin.Add(patience), begin.Add(told); ; time.Sleep(time.Second) {
		ctx, cancel := context.WithTimeout(n.t.Context(), 5*time.Minute)
		err := try(ctx)

		cancel()

		if err == nil {
			return
		}

		if !n.on() {
			n.t.Fatalf("%s: got QEMU's end, want it to pass before; last: %v", what, err)
		}

		if time.Now().After(deadline) {
			n.t.Fatalf("%s: got no success in %v, want one; last: %v", what, patience, err)
		}

		if time.Now().After(tell) {
			tell = time.Now().Add(told)
			n.t.Logf("%s: not yet after %.0f s: %v", what, time.Since(begin).Seconds(), err)
		}
	}
}

func (n *node) untilSaid(texts ...string) {
	n.t.Helper()

	n.until("console", func(context.Context) error {
		said := n.said()
		for _, text := range texts {
			if !strings.Contains(said, text) {
				return fmt.Errorf("got a console without %q, want it there", text)
			}
		}

		return nil
	})
}

// ask asks the node as its administrator, once.
func (n *node) ask(ctx context.Context, question func(context.Context, *client.Client) error) error {
	c, err := client.New(ctx, client.WithConfig(n.admin))
	if err != nil {
		return err
	}

	defer c.Close() // was only asked

	return question(ctx, c)
}

// read gives the content of a file of the node, once it takes the administrator's certificate.
func (n *node) read(name string) string {
	n.t.Helper()

	var answer string

	n.until("read "+name, func(ctx context.Context) error {
		return n.ask(ctx, func(ctx context.Context, c *client.Client) error {
			r, err := c.Read(ctx, name)
			if err != nil {
				return err
			}

			b, err := io.ReadAll(r)
			answer = string(b)

			return err
		})
	})

	return answer
}

// tell has the node do something.
func (n *node) tell(what string, order func(context.Context, *client.Client) error) {
	n.t.Helper()

	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()

	if err := n.ask(ctx, order); err != nil {
		n.t.Fatalf("%s: %v", what, err)
	}
}

// apply gives a node in maintenance mode its configuration.
func (n *node) apply(content []byte) {
	n.t.Helper()

	n.until("apply-config --insecure", func(ctx context.Context) error {
		c, err := client.New(ctx, client.WithEndpoints(n.api), client.WithTLSConfig(&tls.Config{InsecureSkipVerify: true})) // as talosctl
		if err != nil {
			return err
		}

		defer c.Close() // was only asked

		_, err = c.ApplyConfiguration(ctx, &machine.ApplyConfigurationRequest{Data: content})

		return err
	})
}

// configuration is a control plane node's, after edit. Its administrator is the node's from then on.
func (n *node) configuration(edit func(*v1alpha1.Config), options ...generate.Option) []byte {
	n.t.Helper()

	return n.encoded(n.secrets(options...), machinetype.TypeControlPlane, edit)
}

// secrets are what a cluster's configurations are made of. Its administrator is the node's from then on.
func (n *node) secrets(options ...generate.Option) *generate.Input {
	n.t.Helper()

	input, err := generate.NewInput("qemu", "https://10.0.2.15:6443", kubernetesVersion, append([]generate.Option{
		generate.WithVersionContract(config.TalosVersion1_10),
		generate.WithAdditionalSubjectAltNames([]string{"127.0.0.1"}),
	}, options...)...)
	if err != nil {
		n.t.Fatal(err)
	}

	if n.admin, err = input.Talosconfig(); err != nil {
		n.t.Fatal(err)
	}

	n.admin.Contexts[n.admin.Context].Endpoints = []string{n.api}

	return input
}

// encoded is the configuration of a node of a kind, after edit.
func (n *node) encoded(input *generate.Input, kind machinetype.Type, edit func(*v1alpha1.Config)) []byte {
	n.t.Helper()

	provider, err := input.Config(kind)
	if err != nil {
		n.t.Fatal(err)
	}

	off := true
	provider.RawV1Alpha1().MachineConfig.MachineTime = &v1alpha1.TimeConfig{TimeDisabled: &off}

	if edit != nil {
		edit(provider.RawV1Alpha1())
	}

	content, err := provider.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
	if err != nil {
		n.t.Fatal(err)
	}

	return content
}
