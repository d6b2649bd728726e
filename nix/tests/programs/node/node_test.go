// SPDX-License-Identifier: MPL-2.0

// Package node_test makes a node of the image, in QEMU: it is given a machine configuration in maintenance mode and has to
// keep it over a reboot, on encrypted XFS volumes whose drivers are modules.
//
//	NODE_IMAGE=metal-arm64.raw.zst NODE_FIRMWARE=u-boot.bin go test -timeout 30m .
//
// Needs qemu-system-aarch64 and zstd.
package node_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
const patience = 10 * time.Minute

// node is a running QEMU.
type node struct {
	t       *testing.T
	console string
	api     string // HOST:PORT
}

func start(t *testing.T) *node {
	t.Helper()

	dir := t.TempDir()
	disk := filepath.Join(dir, "disk.raw")

	if out, err := exec.Command("zstd", "--decompress", "--quiet", os.Getenv("NODE_IMAGE"), "-o", disk).CombinedOutput(); err != nil {
		t.Fatalf("zstd: %v\n%s", err, out)
	}

	if err := os.Chmod(disk, 0o600); err != nil {
		t.Fatal(err)
	}

	// Room for STATE and EPHEMERAL.
	if err := os.Truncate(disk, 8<<30); err != nil {
		t.Fatal(err)
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	n := &node{t, filepath.Join(dir, "console"), listener.Addr().String()}
	_ = listener.Close()

	cmd := exec.Command("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a76", "-smp", "2", "-m", "3072", "-nodefaults", "-display", "none",
		// Disks are encrypted with the node's identity, which is the firmware's.
		"-uuid", "6d366d36-1234-4abc-8def-0123456789ab",
		"-bios", os.Getenv("NODE_FIRMWARE"),
		"-drive", "if=none,id=disk,format=raw,file="+disk, "-device", "virtio-blk-pci,drive=disk,romfile=",
		"-netdev", "user,id=net,hostfwd=tcp:"+n.api+"-:50000", "-device", "virtio-net-pci,netdev=net,romfile=",
		"-device", "virtio-rng-pci,romfile=",
		// U-Boot and GRUB talk here.
		"-serial", "null",
		// The board's console is ttyS2.
		"-chardev", "null,id=s0", "-chardev", "null,id=s1", "-chardev", "file,id=s2,path="+n.console, "-chardev", "null,id=s3",
		"-device", "pci-serial-4x,chardev1=s0,chardev2=s1,chardev3=s2,chardev4=s3")
	cmd.Stderr = os.Stderr

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()

		if t.Failed() {
			t.Logf("the console:\n%s", n.said())
		}
	})

	return n
}

func (n *node) said() string {
	b, _ := os.ReadFile(n.console)

	return string(bytes.ReplaceAll(b, []byte{'\r'}, nil))
}

// until calls try until it gives no error.
func (n *node) until(what string, try func(context.Context) error) {
	n.t.Helper()

	for deadline := time.Now().Add(patience); ; time.Sleep(time.Second) {
		ctx, cancel := context.WithTimeout(n.t.Context(), 15*time.Second)
		err := try(ctx)

		cancel()

		if err == nil {
			return
		}

		if time.Now().After(deadline) {
			n.t.Fatalf("%s: %v", what, err)
		}
	}
}

func (n *node) untilSaid(texts ...string) {
	n.t.Helper()

	n.until("console", func(context.Context) error {
		said := n.said()
		for _, text := range texts {
			if !strings.Contains(said, text) {
				return fmt.Errorf("never said %q", text)
			}
		}

		return nil
	})
}

// firewall lets in nobody but who asks the API.
const firewall = `---
apiVersion: v1alpha1
kind: NetworkDefaultActionConfig
ingress: block
---
apiVersion: v1alpha1
kind: NetworkRuleConfig
name: api
portSelector:
  ports: [50000]
  protocol: tcp
ingress:
  - subnet: 0.0.0.0/0
`

// configuration is a control plane node's with a firewall, and what its administrator asks it with.
func configuration(t *testing.T, endpoint string) ([]byte, *clientconfig.Config) {
	t.Helper()

	encrypted := &v1alpha1.EncryptionConfig{
		EncryptionProvider: "luks2",
		EncryptionKeys:     []*v1alpha1.EncryptionKey{{KeyNodeID: &v1alpha1.EncryptionKeyNodeID{}}},
	}

	input, err := generate.NewInput("qemu", "https://10.0.2.15:6443", "1.33.0",
		generate.WithVersionContract(config.TalosVersion1_10),
		generate.WithInstallDisk("/dev/vda"),
		generate.WithAdditionalSubjectAltNames([]string{"127.0.0.1"}),
		generate.WithSystemDiskEncryption(&v1alpha1.SystemDiskEncryptionConfig{StatePartition: encrypted, EphemeralPartition: encrypted}))
	if err != nil {
		t.Fatal(err)
	}

	provider, err := input.Config(machinetype.TypeControlPlane)
	if err != nil {
		t.Fatal(err)
	}

	off := true
	provider.RawV1Alpha1().MachineConfig.MachineTime = &v1alpha1.TimeConfig{TimeDisabled: &off}

	content, err := provider.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
	if err != nil {
		t.Fatal(err)
	}

	admin, err := input.Talosconfig()
	if err != nil {
		t.Fatal(err)
	}

	admin.Contexts[admin.Context].Endpoints = []string{endpoint}

	return append(content, firewall...), admin
}

func TestNodeKeepsItsConfigurationOnEncryptedVolumesBehindAFirewall(t *testing.T) {
	n := start(t)
	content, admin := configuration(t, n.api)

	n.untilSaid("this machine is reachable at:")

	n.until("apply-config --insecure", func(ctx context.Context) error {
		c, err := client.New(ctx, client.WithEndpoints(n.api), client.WithTLSConfig(&tls.Config{InsecureSkipVerify: true})) // as talosctl
		if err != nil {
			return err
		}

		defer c.Close() // was only asked

		_, err = c.ApplyConfiguration(ctx, &machine.ApplyConfigurationRequest{Data: content})

		return err
	})

	// asked gives the content of a file of the node, once it takes the administrator's certificate.
	asked := func(name string) string {
		var answer string

		n.until("read "+name, func(ctx context.Context) error {
			c, err := client.New(ctx, client.WithConfig(admin))
			if err != nil {
				return err
			}

			defer c.Close() // was only asked

			r, err := c.Read(ctx, name)
			if err != nil {
				return err
			}

			b, err := io.ReadAll(r)
			answer = string(b)

			return err
		})

		return answer
	}

	// Mounting goes on while the API answers already.
	check := func() {
		n.until("EPHEMERAL is an encrypted XFS", func(context.Context) error {
			if mounts := asked("/proc/mounts"); !strings.Contains(mounts, "/dev/dm-1 /var xfs ") {
				return fmt.Errorf("mounts are:\n%s", mounts)
			}

			return nil
		})

		// What the kernel loads by itself, for a mount, a cipher, a firewall's chain and what its rules look at.
		modules := asked("/proc/modules")
		for _, m := range []string{"xfs", "dm_crypt", "nf_tables", "nft_ct", "nft_limit"} {
			if !strings.Contains("\n"+modules, "\n"+m+" ") {
				t.Errorf("module %s was not loaded:\n%s", m, modules)
			}
		}
	}

	n.untilSaid(`machine config loaded successfully`, `"volume": "EPHEMERAL", "source": "/dev/dm-1"`)
	check()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	c, err := client.New(ctx, client.WithConfig(admin))
	if err != nil {
		t.Fatal(err)
	}

	defer c.Close() // the node goes away

	if err := c.Reboot(ctx); err != nil {
		t.Fatal(err)
	}

	// From the disk now; nobody gives it again.
	n.untilSaid(`"sources": ["state"]`)
	check()
}
