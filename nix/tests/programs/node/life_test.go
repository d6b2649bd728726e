// SPDX-License-Identifier: MPL-2.0

//go:build life

// The life of a node after its first boot, through the API, as docs/operating.md has it:
//
//	NODE_START=start-qemu NODE_IMAGE=… NODE_FIRMWARE=… NODE_REGISTRY=registry NODE_INSTALLERS=DIR go test -tags life -timeout 3h .
//
// NODE_INSTALLERS holds VERSION.tar for each version that a test names: an installer image whose kernel arguments have life=VERSION.
// Needs qemu-system-aarch64, qemu-io, zstd, sgdisk, mkfs.xfs and grub-fstest.
package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	clientconfig "github.com/siderolabs/talos/pkg/machinery/client/config"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
)

const (
	// hostname tells that a configuration is kept.
	hostname = "lives-long"
	// nvme is a disk as the node names it.
	nvme = "/dev/nvme0n1"
)

// life is a node with its disks, from step to step. Of the disks, one holds the node, one is the card it is installed from, and
// one is nobody's and has to stay so.
type life struct {
	*node
	registry          *relay
	disk, card, other string
	// attached is QEMU's arguments for the node's disk, the block node disk.
	attached []string
	kept     kept
	// clustered is whether it is asked before an upgrade what its etcd says of that.
	clustered bool
}

// kept is what a directory named by NODE_KEEP holds beside the disks: the test started again there goes on behind the last
// step that passed.
type kept struct {
	Port   string // the registry's, which the configuration names
	Config []byte
	Admin  []byte
	Passed []string
}

func (l *life) keptFile() string { return filepath.Join(l.dir, "kept.json") }

// passed keeps a step's outcome.
func (l *life) passed(step string) {
	l.t.Helper()

	l.kept.Passed = append(l.kept.Passed, step)
	l.snapshot(l.disk + ".passed")

	content, err := json.Marshal(l.kept)
	if err == nil {
		err = os.WriteFile(l.keptFile(), content, 0o600)
	}

	if err != nil {
		l.t.Fatal(err)
	}
}

// snapshot copies the node's disk, as if the power went.
func (l *life) snapshot(to string) {
	l.t.Helper()

	if l.on() {
		_ = syscall.Kill(-l.machine, syscall.SIGSTOP)

		defer func() { _ = syscall.Kill(-l.machine, syscall.SIGCONT) }()
	}

	copied(l.t, l.disk, to)
}

// step is one of the node's life. What comes after one that failed is not tried: it would start from something else.
func (l *life) step(name string, do func(t *testing.T)) {
	l.t.Helper()

	if slices.Contains(l.kept.Passed, name) {
		return
	}

	whole := l.t
	ok := whole.Run(name, func(t *testing.T) {
		l.t = t
		do(t)
	})
	l.t = whole

	if !ok {
		whole.FailNow()
	}

	if os.Getenv("NODE_KEEP") != "" {
		l.passed(name)
	}
}

// up has the node running, and checks which version.
func (l *life) up(version string) {
	l.t.Helper()

	if !l.on() {
		l.boot(l.disk)
	}

	l.runs(version)
}

// attach is the block node disk as the node's, with the other one beside it.
func (l *life) attach() []string {
	return slices.Concat(raw("other", l.other), []string{"-device", "virtio-blk-pci,drive=other,romfile=", "-no-reboot"}, l.attached)
}

// raw is a block node from a file. What it writes need not outlast this machine.
func raw(node, file string) []string {
	return []string{"-blockdev", "driver=raw,discard=unmap,node-name=" + node + ",file.driver=file,file.cache.no-flush=on,file.filename=" + file}
}

// boot starts it from a disk, with QEMU's arguments for more of them.
func (l *life) boot(disk string, more ...string) {
	l.start(slices.Concat(raw("disk", disk), l.attach(), more)...)
}

// bootWithCard starts it with its disk and the card, which is in a reader on USB: that is searched last.
func (l *life) bootWithCard() {
	l.boot(l.disk, append(raw("card", l.card), "-device", "qemu-xhci", "-device", "usb-storage,drive=card")...)
}

// untilOff waits for the node to restart, which QEMU does not do, or to switch itself off.
func (n *node) untilOff() {
	n.t.Helper()

	select {
	case <-n.off:
	case <-time.After(patience):
		n.t.Fatal("the node runs, want it to end")
	}
}

// runs checks which version a node with a configuration runs.
func (n *node) runs(want string) {
	n.t.Helper()

	if got := n.version(); got != want {
		n.t.Fatalf("got version %q, want %q", got, want)
	}
}

// version is the one that a node with its configuration runs.
func (n *node) version() string {
	n.t.Helper()

	n.until("hostname", func(context.Context) error {
		if got := strings.TrimSpace(n.read("/proc/sys/kernel/hostname")); got != hostname {
			return fmt.Errorf("got %q, want %q", got, hostname)
		}

		return nil
	})

	_, after, _ := strings.Cut(" "+n.read("/proc/cmdline")+" ", " life=")

	return strings.Fields(after + " none")[0]
}

// upgrade asks for an upgrade.
func (l *life) upgrade(image string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(l.t.Context(), within)
	defer cancel()

	return l.ask(ctx, func(ctx context.Context, c *client.Client) error {
		// By force where nobody bootstrapped etcd, whose health is asked for otherwise.
		_, err := c.UpgradeWithOptions(ctx, client.WithUpgradeImage(l.registry.name(image)), client.WithUpgradeForce(!l.clustered))

		return err
	})
}

// upgraded upgrades it, until it restarts.
func (l *life) upgraded(image string) {
	l.t.Helper()

	if err := l.upgrade(image, patience); err != nil {
		l.t.Fatalf("upgrade: %v", err)
	}

	l.untilOff()
}

// rollback asks for a rollback, and waits for the restart.
func (l *life) rollback() {
	l.t.Helper()
	l.tell("rollback", func(ctx context.Context, c *client.Client) error { return c.Rollback(ctx) })
	l.untilOff()
}

// reset asks for a reset of everything, or of partitions, and waits for the restart.
func (l *life) reset(labels ...string) {
	l.t.Helper()

	request := &machine.ResetRequest{Reboot: true}
	for _, label := range labels {
		request.SystemPartitionsToWipe = append(request.SystemPartitionsToWipe, &machine.ResetPartitionSpec{Label: label, Wipe: true})
	}

	l.tell("reset", func(ctx context.Context, c *client.Client) error { return c.ResetGeneric(ctx, request) })
	l.untilOff()
}

// configured gives a node in maintenance mode its configuration.
func (l *life) configured() {
	l.t.Helper()
	l.untilSaid("this machine is reachable at:")
	l.apply(l.kept.Config)
}

// onNVMe has a node installed on NVMe.
func onNVMe(c *v1alpha1.InstallConfig) { c.InstallDisk = nvme }

// newLife is of a node that is installed where its configuration says, and upgraded, from images of versions. The configuration
// names the first.
func newLife(t *testing.T, where func(*v1alpha1.InstallConfig), versions ...string) *life {
	t.Helper()

	var images []string
	for _, version := range versions {
		images = append(images, "installer:"+version+"="+filepath.Join(os.Getenv("NODE_INSTALLERS"), version+".tar"))
	}

	return lifeWith(t, images, func(l *life) []byte {
		return l.configuration(func(c *v1alpha1.Config) {
			where(c.MachineConfig.MachineInstall)
			l.installs(c, "installer:"+versions[0])
		})
	})
}

// lifeWith is of a node with a configuration, beside a registry with images.
func lifeWith(t *testing.T, images []string, configure func(*life) []byte) *life {
	t.Helper()

	l := &life{node: newNode(t), attached: []string{"-device", "nvme,serial=disk,drive=disk"}, kept: kept{Port: "0"}}
	if dir := os.Getenv("NODE_KEEP"); dir != "" {
		l.dir = dir
	}

	l.disk, l.other, l.card = filepath.Join(l.dir, "disk.raw"), filepath.Join(l.dir, "other.raw"), filepath.Join(l.dir, "card.raw")
	content, err := os.ReadFile(l.keptFile())

	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.registry = serve(t, l.kept.Port, images...)
		l.fresh(configure)
	case err != nil:
		t.Fatal(err)
	default:
		if err := json.Unmarshal(content, &l.kept); err != nil {
			t.Fatal(err)
		}

		if l.admin, err = clientconfig.FromBytes(l.kept.Admin); err != nil {
			t.Fatal(err)
		}

		l.admin.Contexts[l.admin.Context].Endpoints = []string{l.api}
		l.registry = serve(t, l.kept.Port, images...)
		copied(t, l.disk+".passed", l.disk)
	}

	return l
}

// fresh makes the configuration, and the disk that is nobody's.
func (l *life) fresh(configure func(*life) []byte) {
	l.t.Helper()

	l.kept.Port = l.registry.port
	l.kept.Config = configure(l)

	var err error
	if l.kept.Admin, err = l.admin.Bytes(); err != nil {
		l.t.Fatal(err)
	}

	empty(l.t, l.other, 64<<20)
}

// otherIsKept checks the disk that is nobody's.
func (l *life) otherIsKept() {
	l.t.Helper()

	if content := head(l.t, l.other, 64<<20); strings.Trim(content, "\x00") != "" {
		l.t.Error("got data on the disk that is nobody's, want zeros")
	}
}

// medium makes a card to install from.
func (l *life) medium() string {
	l.t.Helper()

	card := l.image("card.raw", 2<<30)
	// Without META Talos takes it for an installation medium.
	command(l.t, "sgdisk", "--delete=4", card)

	return card
}

// installs is what a configuration needs for an installation from an image of the registry.
func (l *life) installs(c *v1alpha1.Config, image string) {
	c.MachineConfig.MachineInstall.InstallImage = l.registry.name(image)
	c.MachineConfig.MachineNetwork = &v1alpha1.NetworkConfig{NetworkHostname: hostname}
	c.MachineConfig.MachineRegistries.RegistryMirrors = map[string]*v1alpha1.RegistryMirrorConfig{
		l.registry.host(): {MirrorEndpoints: []string{"http://" + l.registry.host()}},
	}

	alone := true
	c.MachineConfig.MachineKubelet.KubeletSkipNodeRegistration = &alone
}

// begin has it installed onto NVMe from the card, and upgraded. before and after are its disk around the upgrade, and log is of
// the writes between.
func (l *life) begin() (before, after, log string) {
	l.t.Helper()

	before, after, log = filepath.Join(l.dir, "before.raw"), filepath.Join(l.dir, "after.raw"), filepath.Join(l.dir, "writes")

	l.step("install from the card onto NVMe", func(t *testing.T) {
		empty(t, l.disk, 8<<30)

		card := sum(t, l.medium())

		l.bootWithCard()
		l.configured()
		l.untilOff()

		if want := "boot loader not written to " + nvme + ": the board's mask ROM does not start from this kind of disk"; !strings.Contains(l.said(), want) {
			t.Errorf("got no such line on the console, want %q", want)
		}

		if got := sum(t, l.card); got != card {
			t.Errorf("got a card with SHA-256 %s after the installation, want %s", got, card)
		}
	})

	l.step("first boot from NVMe and upgrade to a second version", func(t *testing.T) {
		copied(t, l.disk, before)
		l.start(append([]string{
			"-blockdev", "driver=file,node-name=log,cache.no-flush=on,filename=" + empty(t, log, 0),
			"-blockdev", "driver=raw,node-name=below,file.driver=file,file.cache.no-flush=on,file.filename=" + l.disk,
			"-blockdev", "driver=blklogwrites,node-name=disk,file=below,log=log,log-sector-size=512",
		}, l.attach()...)...)
		l.runs("one")
		l.upgraded("installer:two")
		copied(t, l.disk, after)
		l.boot(l.disk)
		l.runs("two")
	})

	return before, after, log
}

// flashed has the image on NVMe as a node of version none, and makes a card.
func (l *life) flashed() {
	l.t.Helper()
	l.step("first boot of the image on NVMe", func(*testing.T) {
		l.medium()
		l.boot(l.image("disk.raw", 8<<30))
		l.configured()
		l.runs("none")
	})
}

func TestANodesWholeLife(t *testing.T) {
	l := newLife(t, onNVMe, "one", "two")
	l.begin()

	l.step("rollback", func(*testing.T) {
		l.up("two")
		l.rollback()
		l.boot(l.disk)
		l.runs("one")
	})

	l.step("reset of STATE and EPHEMERAL, and configured again", func(*testing.T) {
		l.up("one")
		l.reset("STATE", "EPHEMERAL")
		l.boot(l.disk)
		l.configured()
		l.runs("one")
	})

	l.step("reset of everything, and installed again", func(t *testing.T) {
		l.up("one")
		l.reset()

		if content := head(t, l.disk, 1<<20); strings.Trim(content, "\x00") != "" {
			t.Error("got data in the first MiB of the disk after a reset, want zeros")
		}

		l.bootWithCard()
		l.configured()
		l.untilOff()
		l.boot(l.disk)
		l.runs("one")
	})

	l.otherIsKept()
}
