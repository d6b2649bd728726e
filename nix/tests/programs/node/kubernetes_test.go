// SPDX-License-Identifier: MPL-2.0

//go:build life

// A node of the image is a Kubernetes cluster: Talos starts it from images of a registry on loopback, and pods answer. In
// worker_test.go another node joins it.
//
//	NODE_START=start-qemu NODE_IMAGE=… NODE_FIRMWARE=… NODE_REGISTRY=registry NODE_KUBECTL=kubectl NODE_IMAGES='REPOSITORY:TAG=LAYOUT …' \
//	NODE_INSTALLERS=DIR go test -tags life -timeout 6h -run 'TestANodeRunsKubernetes|TestAWorkerJoins' .
//
// NODE_INSTALLERS as in life_test.go. Needs qemu-system-aarch64 and zstd.
package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	"github.com/siderolabs/talos/pkg/machinery/constants"
)

// volume is a directory of the node's EPHEMERAL volume, for the pod's volume.
const volume = "/var/mnt/web"

// workload is a web server with a volume on the node's disk, and a name.
const workload = `
apiVersion: v1
kind: PersistentVolume
metadata:
  name: web
spec:
  capacity:
    storage: 1Mi
  accessModes: [ReadWriteOnce]
  storageClassName: by-hand
  hostPath:
    path: ` + volume + `
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: web
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: by-hand
  resources:
    requests:
      storage: 1Mi
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
        - name: web
          image: web:check
          args: [serve, ":8080", a pod answers, /data/kept]
          ports:
            - containerPort: 8080
          volumeMounts:
            - name: data
              mountPath: /data
      volumes:
        - name: data
          persistentVolumeClaim:
            claimName: web
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector:
    app: web
  ports:
    - port: 80
      targetPort: 8080
`

// cluster is a node that runs Kubernetes, and those that joined it.
type cluster struct {
	*life
	joined []*node
}

// newCluster is of one node, with configurations for workers by their names.
func newCluster(t *testing.T, workers ...string) *cluster {
	t.Helper()

	images := append(strings.Fields(os.Getenv("NODE_IMAGES")), "installer:two="+filepath.Join(os.Getenv("NODE_INSTALLERS"), "two.tar"))
	c := &cluster{life: lifeWith(t, images, func(l *life) []byte { return configurations(l, workers) })}
	c.clustered = true

	admin, err := c.admin.Bytes()
	if err != nil {
		t.Fatal(err)
	}

	// For who looks in while it runs.
	if err := os.WriteFile(filepath.Join(c.dir, "talosconfig"), admin, 0o600); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if t.Failed() {
			c.tellState()
		}
	})

	return c
}

// configurations makes the node's configuration, and leaves the workers' in files.
func configurations(l *life, workers []string) []byte {
	l.t.Helper()

	// STATE is not: each costs half a minute of the processor, and node_test.go has both.
	encrypted := &v1alpha1.EncryptionConfig{
		EncryptionProvider: "luks2",
		EncryptionKeys:     []*v1alpha1.EncryptionKey{{KeyNodeID: &v1alpha1.EncryptionKeyNodeID{}}},
	}
	secrets := l.secrets(
		generate.WithInstallDisk(nvme),
		generate.WithAllowSchedulingOnControlPlanes(true),
		generate.WithClusterDiscovery(false), // asks the Internet
		generate.WithSystemDiskEncryption(&v1alpha1.SystemDiskEncryptionConfig{EphemeralPartition: encrypted}))
	named := func(name string) func(*v1alpha1.Config) {
		return func(config *v1alpha1.Config) {
			config.MachineConfig.MachineNetwork = &v1alpha1.NetworkConfig{NetworkHostname: name}
			// Every image of every registry, and no other registry when one is missing.
			only := true
			config.MachineConfig.MachineRegistries.RegistryMirrors = map[string]*v1alpha1.RegistryMirrorConfig{
				"*": {MirrorEndpoints: []string{"http://" + l.registry.host()}, MirrorSkipFallback: &only},
			}
			config.MachineConfig.MachineKubelet.KubeletExtraMounts = []v1alpha1.ExtraMount{{
				Source: volume, Destination: volume, Type: "bind", Options: []string{"bind", "rshared", "rw"},
			}}
		}
	}

	for _, name := range workers {
		if err := os.WriteFile(filepath.Join(l.dir, name+".yaml"), l.encoded(secrets, machinetype.TypeWorker, named(name)), 0o600); err != nil {
			l.t.Fatal(err)
		}
	}

	return l.encoded(secrets, machinetype.TypeControlPlane, named(hostname))
}

func (c *cluster) kubeconfig() string { return filepath.Join(c.dir, "kubeconfig") }

// kubectl runs it once, with standard input where there is any.
func (c *cluster) kubectl(ctx context.Context, input string, args ...string) (string, error) {
	var out, faults bytes.Buffer

	cmd := exec.CommandContext(ctx, os.Getenv("NODE_KUBECTL"), append([]string{
		"--kubeconfig", c.kubeconfig(), "--cache-dir", filepath.Join(c.dir, "kubectl"),
		// The kubeconfig names the address that the node has on its own network.
		"--server", "https://" + c.kube,
	}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &faults

	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, faults.String())
	}

	return out.String(), nil
}

// untilIt waits until kubectl's answer holds a text. It tells when that was, on the host's clock and the node's.
func (c *cluster) untilIt(what, want string, args ...string) string {
	c.t.Helper()

	var got string

	c.until(what, func(ctx context.Context) (err error) {
		got, err = c.kubectl(ctx, "", args...)
		if err == nil && !strings.Contains(got, want) {
			err = fmt.Errorf("kubectl %s: got %q, want %q in it", strings.Join(args, " "), got, want)
		}

		if err != nil {
			time.Sleep(10 * time.Second) // each question costs the node some of its one processor
		}

		return err
	})
	c.tellTime(what)

	return got
}

// tellTime tells how long ago the node was switched on, on the host's clock and on its own, which starts with the host's.
func (c *cluster) tellTime(what string) {
	c.t.Helper()

	var (
		boot   int64
		uptime float64
	)

	host := time.Since(c.since).Seconds()

	for line := range strings.Lines(c.read("/proc/stat")) {
		if strings.HasPrefix(line, "btime ") {
			_, _ = fmt.Sscanf(line, "btime %d", &boot) // zero tells
		}
	}

	_, _ = fmt.Sscan(c.read("/proc/uptime"), &uptime) // as above

	c.t.Logf("%s: %.0f s of the host, %.0f s of the node", what, host, float64(boot-c.since.Unix())+uptime)
}

// applied has Kubernetes take a manifest.
func (c *cluster) applied(manifest string) {
	c.t.Helper()
	c.until("kubectl apply", func(ctx context.Context) error {
		_, err := c.kubectl(ctx, manifest, "apply", "-f", "-")

		return err
	})
}

// bootstrap makes it a cluster, and gets its administrator's kubeconfig.
func (c *cluster) bootstrap() {
	c.t.Helper()

	c.until("bootstrap", func(ctx context.Context) error {
		err := c.ask(ctx, func(ctx context.Context, talos *client.Client) error {
			return talos.Bootstrap(ctx, &machine.BootstrapRequest{})
		})
		// Done by a call whose answer was lost.
		if client.StatusCode(err).String() == "AlreadyExists" {
			return nil
		}

		return err
	})
	c.tellTime("bootstrap")
	c.until("kubeconfig", func(ctx context.Context) error {
		return c.ask(ctx, func(ctx context.Context, talos *client.Client) error {
			content, err := talos.Kubeconfig(ctx)
			if err != nil {
				return err
			}

			return os.WriteFile(c.kubeconfig(), content, 0o600)
		})
	})
}

// ready waits for a node. Kubernetes has the last boot's word for it until this one's kubelet speaks.
func (c *cluster) ready(n *node, name string) {
	c.t.Helper()

	boot := strings.TrimSpace(n.read("/proc/sys/kernel/random/boot_id"))
	c.untilIt(name+" is Ready", boot+" True", "get", "node", name,
		"-o", `jsonpath={.status.nodeInfo.bootID} {.status.conditions[?(@.type=="Ready")].status}`)
}

// up has the node running a version, and Ready.
func (c *cluster) up(version string) {
	c.t.Helper()
	c.life.up(version)
	c.ready(c.node, hostname)
}

// answer asks for a URL from a pod.
func (c *cluster) answer(from, what, url, want string) {
	c.t.Helper()
	c.untilIt(what, want, "exec", from, "--", "/web", "get", url)
}

// answers asks the first pod from itself, by its Service's address and by its name.
func (c *cluster) answers() {
	c.t.Helper()

	const want = "a pod answers\nkept on the node's disk"

	c.answer("deployment/web", "the pod answers over its Service", "http://"+c.the("service", "web", "spec.clusterIP")+"/by-address", want)
	c.answer("deployment/web", "the pod answers by name", "http://web.default.svc.cluster.local/by-name", want)
	c.untilIt("its log says so", "GET /by-name", "logs", "deployment/web")
}

// the gives a field of an object, once it is there.
func (c *cluster) the(kind, name, field string) string {
	c.t.Helper()

	var got string

	c.until(name+"'s "+field, func(ctx context.Context) (err error) {
		got, err = c.kubectl(ctx, "", "get", kind, name, "-o", "jsonpath={."+field+"}")
		if err == nil && got == "" {
			err = errors.New("got none, want one")
		}

		return err
	})

	return got
}

// memory tells how much of it a node has in use.
func (c *cluster) memory(n *node, name string) {
	c.t.Helper()

	values := map[string]int{}

	for line := range strings.Lines(n.read("/proc/meminfo")) {
		var (
			name string
			kB   int
		)

		if n, _ := fmt.Sscanf(line, "%s %d", &name, &kB); n == 2 {
			values[name] = kB
		}
	}

	c.t.Logf("memory in use on %s: %d of %d MiB", name, (values["MemTotal:"]-values["MemAvailable:"])>>10, values["MemTotal:"]>>10)
}

// tellState tells what can be had of nodes after a failure.
func (c *cluster) tellState() {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()

	for _, args := range [][]string{
		{"get", "nodes,pods,services,endpointslices,persistentvolumeclaims", "--all-namespaces", "-o", "wide"},
		{"describe", "nodes"},
		{"get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"},
	} {
		if !c.on() {
			break
		}

		got, err := c.kubectl(ctx, "", append([]string{"--request-timeout=60s"}, args...)...)
		c.t.Logf("kubectl %s: %v\n%s", strings.Join(args, " "), err, got)
	}

	for _, n := range append([]*node{c.node}, c.joined...) {
		if !n.on() {
			continue
		}

		if err := n.ask(ctx, func(ctx context.Context, talos *client.Client) error { return n.tellLogs(ctx, talos) }); err != nil {
			c.t.Logf("logs: %v", err)
		}
	}
}

// tellLogs tells a node's services and containers, and the ends of their logs.
func (n *node) tellLogs(ctx context.Context, talos *client.Client) error {
	services, err := talos.ServiceList(ctx)
	if err != nil {
		return err
	}

	containers, err := talos.Containers(ctx, constants.K8sContainerdNamespace, common.ContainerDriver_CRI)
	if err != nil {
		return err
	}

	tail := func(namespace string, driver common.ContainerDriver, id string) {
		stream, err := talos.Logs(ctx, namespace, driver, id, false, 60)
		if err != nil {
			n.t.Logf("log of %s: %v", id, err)

			return
		}

		r, err := client.ReadStream(stream)
		if err != nil {
			n.t.Logf("log of %s: %v", id, err)

			return
		}

		content, err := io.ReadAll(r)
		n.t.Logf("log of %s: %v\n%s", id, err, content)
	}

	for _, message := range services.GetMessages() {
		for _, service := range message.GetServices() {
			n.t.Logf("service %s: %s, %v", service.GetId(), service.GetState(), service.GetHealth())
			tail(constants.SystemContainerdNamespace, common.ContainerDriver_CONTAINERD, service.GetId())
		}
	}

	for _, message := range containers.GetMessages() {
		for _, container := range message.GetContainers() {
			n.t.Logf("container %s: %s", container.GetId(), container.GetStatus())

			// A pod's sandbox has none.
			if container.GetId() != container.GetPodId() {
				tail(constants.K8sContainerdNamespace, common.ContainerDriver_CRI, container.GetId())
			}
		}
	}

	tail(constants.SystemContainerdNamespace, common.ContainerDriver_CONTAINERD, "controller-runtime")

	return nil
}

// begins has the node bootstrapped.
func (c *cluster) begins() {
	c.t.Helper()
	c.step("bootstrapped it becomes Ready", func(*testing.T) {
		c.boot(c.image("disk.raw", 16<<30))
		c.configured()
		c.bootstrap()
		c.ready(c.node, hostname)
		c.untilIt("coredns is available", "True", "get", "deployment", "coredns", "--namespace", "kube-system",
			"-o", `jsonpath={.status.conditions[?(@.type=="Available")].status}`)
		c.memory(c.node, hostname)
	})
}

// serves has the pod there, with something in its volume.
func (c *cluster) serves() {
	c.t.Helper()
	c.applied(workload)
	c.untilIt("exec in the pod", "", "exec", "deployment/web", "--", "/web", "put", "/data/kept", "kept on the node's disk")
	c.answers()
	c.memory(c.node, hostname)
}

func TestANodeRunsKubernetes(t *testing.T) {
	c := newCluster(t)
	c.begins()

	c.step("a pod answers over its Service and by name", func(*testing.T) {
		c.up("none")
		c.serves()
	})

	c.step("it does after a reboot", func(*testing.T) {
		c.up("none")
		c.tell("reboot", func(ctx context.Context, talos *client.Client) error { return talos.Reboot(ctx) })
		c.untilOff()
		c.boot(c.disk)
		c.up("none")
		c.answers()
	})

	c.step("it does after an upgrade, with what its volume has", func(t *testing.T) {
		c.up("none")
		c.upgraded("installer:two")
		c.boot(c.disk)
		c.up("two")
		c.answers()

		const want = "/dev/dm-0 /var xfs "
		if got := c.read("/proc/mounts"); !strings.Contains(got, want) {
			t.Errorf("got these mounts, want the volume's disk encrypted, %q:\n%s", want, got)
		}
	})
}
