// SPDX-License-Identifier: MPL-2.0

//go:build life

package node_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	clientconfig "github.com/siderolabs/talos/pkg/machinery/client/config"
)

// The worker's hostname and MAC address; QEMU's user network gives it the second address.
const (
	second        = "joins-later"
	secondMAC     = "52:54:00:12:34:57"
	secondAddress = "10.0.2.16"
)

// far is a pod on the worker.
const far = `
apiVersion: v1
kind: Pod
metadata:
  name: far
spec:
  nodeSelector:
    kubernetes.io/hostname: ` + second + `
  containers:
    - name: web
      image: web:check
      args: [serve, ":8080", a pod on the worker]
`

func TestAWorkerJoins(t *testing.T) {
	c := newCluster(t, second)
	w := c.wired()
	c.begins()

	c.step("a worker's pod and the first reach each other", func(t *testing.T) {
		if !c.on() {
			c.boot(c.disk)
		}

		c.ready(c.node, hostname)
		c.serves()
		c.joins(w)
		c.applied(far)

		address := c.the("pod", "far", "status.podIP")
		if node := c.the("pod", "far", "spec.nodeName"); node != second {
			t.Fatalf("got the pod on %s, want it on %s", node, second)
		}

		c.answer("deployment/web", "the worker's pod answers", "http://"+address+":8080/from-afar", "a pod on the worker")
		c.answer("far", "the first pod answers the worker's by name", "http://web.default.svc.cluster.local/from-the-worker", "a pod answers")
		c.untilIt("its log says so", "GET /from-the-worker", "logs", "deployment/web")

		if got := strings.TrimSpace(c.read("/sys/class/net/flannel.1/statistics/rx_packets")); got == "0" {
			t.Error("got no packet of flannel's VXLAN, want some")
		}

		c.memory(c.node, hostname)
		c.memory(w, second)
	})
}

// wired makes the worker, and has the node, it and QEMU's user network on a switch. A hub would not do: the user network takes what one node
// sends the other for its own, and resets the connection.
func (c *cluster) wired() *node {
	c.t.Helper()

	worker := newNode(c.t)

	admin, err := clientconfig.FromBytes(c.kept.Admin)
	if err != nil {
		c.t.Fatal(err)
	}

	worker.admin = admin
	worker.admin.Contexts[worker.admin.Context].Endpoints = []string{worker.api}
	c.joined = append(c.joined, worker)

	socket := filepath.Join(c.dir, "switch")
	startSwitch(c.t, socket)

	cable := func(id string) []string {
		return []string{"-netdev", "stream,server=off,id=" + id + ",addr.type=unix,addr.path=" + socket}
	}

	c.network = slices.Concat(
		c.uplink("uplink", "tcp:"+worker.api+"-"+secondAddress+":50000"), cable("up"),
		[]string{"-netdev", "hubport,id=port1,hubid=0,netdev=uplink", "-netdev", "hubport,id=port2,hubid=0,netdev=up"},
		cable("cable"), []string{"-device", "virtio-net-pci,netdev=cable,romfile="})
	worker.network = slices.Concat(cable("cable"),
		[]string{"-device", "virtio-net-pci,netdev=cable,romfile=,mac=" + secondMAC, "-uuid", "6d366d36-1234-4abc-8def-0123456789ac"})

	return worker
}

// joins makes the worker a node of the cluster.
func (c *cluster) joins(w *node) {
	c.t.Helper()

	content, err := os.ReadFile(filepath.Join(c.dir, second+".yaml"))
	if err != nil {
		c.t.Fatal(err)
	}

	w.start(append(raw("disk", w.image("disk.raw", 16<<30)), "-device", "nvme,serial=disk,drive=disk", "-no-reboot")...)
	w.untilSaid("this machine is reachable at:")
	w.apply(content)
	c.ready(w, second)
	c.t.Logf("%s: %.0f s after it was switched on", second, time.Since(w.since).Seconds())
}
