// SPDX-License-Identifier: MPL-2.0

// Package node_test makes a node of the image, in QEMU: it is given a machine configuration in maintenance mode and has to
// keep it over a reboot, on encrypted XFS volumes whose drivers are modules.
//
//	NODE_START=start-qemu NODE_IMAGE=metal-arm64.raw.zst NODE_FIRMWARE=u-boot.bin go test -timeout 30m .
//
// With NODE_BOARD=PROGRAM in place of NODE_FIRMWARE the node is the model of the board, which that QEMU has
// (nix/tests/board-node.nix). Needs qemu-system-aarch64 and zstd. NODE_START is nix/tests/programs/start-qemu, which starts
// QEMU as the other tests do.
package node_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
)

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

func TestNodeKeepsItsConfigurationOnEncryptedVolumesBehindAFirewall(t *testing.T) {
	n := newNode(t)
	encrypted := &v1alpha1.EncryptionConfig{
		EncryptionProvider: "luks2",
		EncryptionKeys:     []*v1alpha1.EncryptionKey{{KeyNodeID: &v1alpha1.EncryptionKeyNodeID{}}},
	}
	content := n.configuration(nil,
		generate.WithInstallDisk("/dev/vda"),
		generate.WithSystemDiskEncryption(&v1alpha1.SystemDiskEncryptionConfig{StatePartition: encrypted, EphemeralPartition: encrypted}))

	// Room for STATE and EPHEMERAL.
	n.start(disk(n.image("disk.raw", 8<<30))...)
	n.untilSaid("this machine is reachable at:")
	n.apply(append(content, firewall...))

	// Mounting goes on while the API answers already.
	check := func() {
		n.until("EPHEMERAL is an encrypted XFS", func(context.Context) error {
			const want = "/dev/dm-1 /var xfs "
			if got := n.read("/proc/mounts"); !strings.Contains(got, want) {
				return fmt.Errorf("got these mounts, want %q among them:\n%s", want, got)
			}

			return nil
		})

		// What the kernel loads by itself, for a mount, a cipher, a firewall's chain and what its rules look at.
		got := n.read("/proc/modules")
		for _, want := range []string{"xfs", "dm_crypt", "nf_tables", "nft_ct", "nft_limit"} {
			if !strings.Contains("\n"+got, "\n"+want+" ") {
				t.Errorf("got these modules, want %s among them:\n%s", want, got)
			}
		}
	}

	n.untilSaid(`machine config loaded successfully`, `"volume": "EPHEMERAL", "source": "/dev/dm-1"`)
	check()
	n.tell("reboot", func(ctx context.Context, c *client.Client) error { return c.Reboot(ctx) })

	// From the disk now; nobody gives it again.
	n.untilSaid(`"sources": ["state"]`)
	check()
}
