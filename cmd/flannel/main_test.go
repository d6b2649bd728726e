// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

// delegate stands for the plugin that is delegated to: it notes what it is asked.
type delegate struct {
	version.PluginDecoder

	commands []string
	plugin   string
	conf     map[string]any
	err      error
}

func (d *delegate) FindInPath(plugin string, _ []string) (string, error) {
	d.plugin = plugin

	return "/opt/cni/bin/" + plugin, nil
}

func (d *delegate) ExecPlugin(_ context.Context, _ string, stdin []byte, environ []string) ([]byte, error) {
	for _, variable := range environ {
		// The last one counts, as for a real program.
		if command, ok := strings.CutPrefix(variable, "CNI_COMMAND="); ok {
			d.commands = append(d.commands, command)
		}
	}

	d.conf = nil
	if err := json.Unmarshal(stdin, &d.conf); err != nil {
		return nil, err
	}

	return []byte(`{"cniVersion": "1.0.0", "ips": [{"address": "10.244.3.7/24"}]}`), d.err
}

var _ invoke.Exec = (*delegate)(nil)

// node is a directory with what flannel's daemon writes, and the configuration Talos gives for it.
func node(t *testing.T, subnetEnv, extra string) (*skel.CmdArgs, string) {
	t.Helper()

	dir := t.TempDir()
	env := filepath.Join(dir, "subnet.env")

	if subnetEnv != "" {
		if err := os.WriteFile(env, []byte(subnetEnv), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	data := filepath.Join(dir, "data")

	return &skel.CmdArgs{
		ContainerID: "pod-1",
		StdinData: []byte(`{"name": "cbr0", "cniVersion": "1.0.0", "type": "flannel",
			"subnetFile": "` + env + `", "dataDir": "` + data + `"` + extra + `}`),
	}, data
}

const (
	ipv4 = "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.3.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n"
	ipv6 = "FLANNEL_IPV6_NETWORK=fd00:10::/56\nFLANNEL_IPV6_SUBNET=fd00:10:0:3::1/64\n"

	// talosDelegate is what Talos' flannel configuration holds.
	talosDelegate = `, "delegate": {"hairpinMode": true, "isDefaultGateway": true}`
)

func TestAPodGetsAnAddressOfTheNodesSubnetThroughTheBridge(t *testing.T) {
	d := &delegate{}
	args, _ := node(t, ipv4, talosDelegate+`, "runtimeConfig": {"mac": "02:00:00:00:00:01"}`)

	if err := (plugin{exec: d}).add(args); err != nil {
		t.Fatal(err)
	}

	if d.plugin != "bridge" || d.commands[len(d.commands)-1] != "ADD" {
		t.Errorf("ran %s with %v, want bridge with ADD last", d.plugin, d.commands)
	}

	want := map[string]any{
		"name": "cbr0", "cniVersion": "1.0.0", "type": "bridge",
		"mtu": 1450.0, "ipMasq": false, "isGateway": true, "hairpinMode": true, "isDefaultGateway": true,
		"runtimeConfig": map[string]any{"mac": "02:00:00:00:00:01"},
		"ipam": map[string]any{
			"type":   "host-local",
			"ranges": []any{[]any{map[string]any{"subnet": "10.244.3.0/24"}}},
			"routes": []any{map[string]any{"dst": "10.244.0.0/16"}},
		},
	}
	if !reflect.DeepEqual(d.conf, want) {
		t.Errorf("bridge got\n%v, want\n%v", d.conf, want)
	}
}

func TestAPodGetsAnAddressOfEachFamily(t *testing.T) {
	d := &delegate{}
	args, _ := node(t, ipv4+ipv6, talosDelegate)

	if err := (plugin{exec: d}).add(args); err != nil {
		t.Fatal(err)
	}

	ipam := d.conf["ipam"].(map[string]any)

	ranges := []any{
		[]any{map[string]any{"subnet": "10.244.3.0/24"}},
		[]any{map[string]any{"subnet": "fd00:10:0:3::/64"}},
	}
	if !reflect.DeepEqual(ipam["ranges"], ranges) {
		t.Errorf("ranges are %v, want %v", ipam["ranges"], ranges)
	}

	routes := []any{map[string]any{"dst": "10.244.0.0/16"}, map[string]any{"dst": "fd00:10::/56"}}
	if !reflect.DeepEqual(ipam["routes"], routes) {
		t.Errorf("routes are %v, want %v", ipam["routes"], routes)
	}
}

func TestTheNetworksOwnWordsComeFirst(t *testing.T) {
	d := &delegate{}
	args, _ := node(t, ipv4, `, "delegate": {"type": "ptp", "mtu": 1280, "ipMasq": true},
		"ipam": {"dataDir": "/run/addresses", "routes": [{"dst": "192.0.2.0/24"}]}`)

	if err := (plugin{exec: d}).add(args); err != nil {
		t.Fatal(err)
	}

	if d.plugin != "ptp" || d.conf["mtu"] != 1280.0 || d.conf["ipMasq"] != true {
		t.Errorf("got %s with %v, want ptp with MTU 1280 and ipMasq", d.plugin, d.conf)
	}

	if _, ok := d.conf["isGateway"]; ok {
		t.Errorf("got %v, want no isGateway: it is the bridge's", d.conf)
	}

	ipam := d.conf["ipam"].(map[string]any)
	routes := []any{map[string]any{"dst": "192.0.2.0/24"}, map[string]any{"dst": "10.244.0.0/16"}}

	if ipam["dataDir"] != "/run/addresses" || !reflect.DeepEqual(ipam["routes"], routes) {
		t.Errorf("ipam: got %v, want dataDir /run/addresses and routes %v", ipam, routes)
	}
}

// added is a pod that was added, the delegate that did it, and where what is to be known of it is saved.
func added(t *testing.T) (plugin, *delegate, *skel.CmdArgs, string) {
	t.Helper()

	d := &delegate{}
	args, data := node(t, ipv4, talosDelegate)
	p := plugin{exec: d}

	if err := p.add(args); err != nil {
		t.Fatal(err)
	}

	return p, d, args, data
}

func TestAPodIsDeletedAsItWasAdded(t *testing.T) {
	p, d, args, data := added(t)
	conf := d.conf

	// The daemon's file goes when the node starts anew; the pod is deleted all the same.
	if err := os.Remove(filepath.Join(filepath.Dir(data), "subnet.env")); err != nil {
		t.Fatal(err)
	}

	if err := p.del(args); err != nil {
		t.Fatal(err)
	}

	if d.commands[len(d.commands)-1] != "DEL" || !reflect.DeepEqual(d.conf, conf) {
		t.Errorf("%v with %v, want DEL with %v", d.commands, d.conf, conf)
	}

	if left, err := os.ReadDir(data); err != nil || len(left) != 0 {
		t.Errorf("got %v (%v), want nothing left behind", left, err)
	}
}

func TestDeletingAgainIsNoError(t *testing.T) {
	d := &delegate{}
	args, _ := node(t, ipv4, talosDelegate)

	if err := (plugin{exec: d}).del(args); err != nil || len(d.commands) != 0 {
		t.Errorf("got %v and ran %v, want nothing done", err, d.commands)
	}
}

func TestAPodIsDeletedAfterAPowerCut(t *testing.T) {
	for name, left := range map[string]string{"nothing": "", "zeros": "\x00\x00\x00\x00", "half": `{"name": "cb`} {
		t.Run(name, func(t *testing.T) {
			p, d, args, data := added(t)
			conf := d.conf

			if err := os.WriteFile(filepath.Join(data, args.ContainerID), []byte(left), 0o600); err != nil {
				t.Fatal(err)
			}

			if err := p.del(args); err != nil || d.commands[len(d.commands)-1] != "DEL" || !reflect.DeepEqual(d.conf, conf) {
				t.Fatalf("got %v and ran %v with %v, want DEL with %v", err, d.commands, d.conf, conf)
			}

			if left, err := os.ReadDir(data); err != nil || len(left) != 0 {
				t.Errorf("got %v (%v), want nothing left behind", left, err)
			}
		})
	}
}

func TestADeletionThatFailedCanBeRepeated(t *testing.T) {
	p, d, args, _ := added(t)

	d.err = errors.New("the bridge is busy")
	if err := p.del(args); !errors.Is(err, d.err) {
		t.Fatalf("got %v, want the delegate's error", err)
	}

	d.err = nil
	if err := p.del(args); err != nil || d.commands[len(d.commands)-1] != "DEL" {
		t.Errorf("got %v and ran %v, want DEL last", err, d.commands)
	}
}

func TestACheckShowsTheDelegateTheResult(t *testing.T) {
	d := &delegate{}
	args, _ := node(t, ipv4, `, "prevResult": {"cniVersion": "1.0.0", "ips": []}`)
	p := plugin{exec: d}

	if err := p.check(args); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("checking a pod that was not added: got %v, want %v", err, os.ErrNotExist)
	}

	if err := p.add(args); err != nil {
		t.Fatal(err)
	}

	if _, ok := d.conf["prevResult"]; ok {
		t.Errorf("ADD: got %v, want no prevResult: flannel is a chain's first plugin", d.conf)
	}

	if err := p.check(args); err != nil {
		t.Fatal(err)
	}

	if d.commands[len(d.commands)-1] != "CHECK" || d.conf["prevResult"] == nil {
		t.Errorf("ran %v with %v, want CHECK last, with a prevResult", d.commands, d.conf)
	}
}

func TestWithoutTheDaemonThePluginSaysItIsNotReady(t *testing.T) {
	args, _ := node(t, "", talosDelegate)

	var notReady *types.Error

	if err := (plugin{}).status(args); !errors.As(err, &notReady) || notReady.Code != 50 {
		t.Errorf("status: %v, want CNI's error 50", err)
	}

	if err := (plugin{}).add(args); err == nil || !strings.Contains(err.Error(), "flannel's daemon writes it") {
		t.Errorf("add: %v, want who writes the file", err)
	}

	args, _ = node(t, ipv4, talosDelegate)

	if err := (plugin{}).status(args); err != nil {
		t.Errorf("status with the daemon's file: %v", err)
	}
}

func TestWhatCannotBeUsedIsNamed(t *testing.T) {
	for name, test := range map[string]struct{ env, extra, want string }{
		"no subnet":     {"FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n", "", "FLANNEL_SUBNET"},
		"bad subnet":    {strings.Replace(ipv4, "10.244.3.1/24", "10.244.3.1", 1), "", "FLANNEL_SUBNET"},
		"bad network":   {strings.Replace(ipv4, "10.244.0.0/16", "all", 1), "", "FLANNEL_NETWORK"},
		"no MTU":        {strings.Replace(ipv4, "FLANNEL_MTU", "MTU", 1), "", "FLANNEL_MTU"},
		"bad ipmasq":    {strings.Replace(ipv4, "true", "perhaps", 1), "", "FLANNEL_IPMASQ"},
		"not a file":    {"no line of a file of variables\n", "", "subnet.env"},
		"delegate name": {ipv4, `, "delegate": {"name": "mine"}`, "delegate.name"},
		"delegate ipam": {ipv4, `, "delegate": {"ipam": {}}`, "delegate.ipam"},
		"delegate type": {ipv4, `, "delegate": {"type": 7}`, "delegate.type"},
		"ipam routes":   {ipv4, `, "ipam": {"routes": "all"}`, "ipam.routes"},
		"ipam ranges":   {ipv4, `, "ipam": {"ranges": {}}`, "ipam.ranges"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &delegate{}
			args, data := node(t, test.env, test.extra)

			if err := (plugin{exec: d}).add(args); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s named", err, test.want)
			}

			if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) || len(d.commands) != 0 {
				t.Errorf("%s: got %v and ran %v, want nothing left behind and nothing run", data, err, d.commands)
			}
		})
	}
}
