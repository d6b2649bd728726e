// SPDX-License-Identifier: MPL-2.0

// Command flannel is the CNI plugin of Talos' default network.
//
// Talos expects it among the node's own programs (its flannel DaemonSet brings only the daemon and the configuration),
// and flannel's module cannot be had everywhere. It reads what the daemon leaves in /run/flannel/subnet.env and hands
// the work to another plugin (bridge, with addresses from host-local), as the documentation of
// github.com/flannel-io/cni-plugin says.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

// errorNotReady is the code with which a plugin says that no pod can be added for now: CNI specification 1.1, STATUS.
const errorNotReady = 50

// errLost is of a saved configuration that is no configuration.
var errLost = errors.New("its content is lost")

func main() {
	p := plugin{}

	skel.PluginMainFuncs(skel.CNIFuncs{
		Add:    p.add,
		Check:  p.check,
		Del:    p.del,
		Status: p.status,
	}, version.All, "flannel for Talos")
}

// plugin runs the delegate with exec, or as CNI does when exec is nil.
type plugin struct {
	exec invoke.Exec
}

func (p plugin) add(args *skel.CmdArgs) error {
	conf, err := parseConfig(args.StdinData)
	if err != nil {
		return err
	}

	delegate, err := conf.today()
	if err != nil {
		return err
	}

	data, err := json.Marshal(delegate)
	if err != nil {
		return fmt.Errorf("encoding the delegate's configuration: %w", err)
	}

	// Saved before it is used: a pod that fails half-way is deleted with the same words.
	if err = os.MkdirAll(conf.DataDir, 0o700); err != nil {
		return fmt.Errorf("making the directory for delegates' configurations: %w", err)
	}

	if err = conf.save(args.ContainerID, data); err != nil {
		return fmt.Errorf("saving the delegate's configuration: %w", err)
	}

	result, err := invoke.DelegateAdd(context.Background(), delegateType(delegate), data, p.exec)
	if err != nil {
		return fmt.Errorf("adding %s: %w", args.ContainerID, err)
	}

	return types.PrintResult(result, conf.CNIVersion)
}

func (p plugin) check(args *skel.CmdArgs) error {
	conf, err := parseConfig(args.StdinData)
	if err != nil {
		return err
	}

	delegate, err := conf.load(args.ContainerID)
	if err != nil {
		return err
	}

	if conf.RawPrevResult != nil {
		delegate["prevResult"] = conf.RawPrevResult
	}

	data, err := json.Marshal(delegate)
	if err != nil {
		return fmt.Errorf("encoding the delegate's configuration: %w", err)
	}

	return invoke.DelegateCheck(context.Background(), delegateType(delegate), data, p.exec)
}

func (p plugin) del(args *skel.CmdArgs) error {
	conf, err := parseConfig(args.StdinData)
	if err != nil {
		return err
	}

	delegate, err := conf.load(args.ContainerID)
	if errors.Is(err, fs.ErrNotExist) {
		// Never added, or deleted already: CNI deletes again to be sure.
		return nil
	}

	// What a version that did not flush it lost in a power cut. The address is held by the container's ID, so today's
	// configuration frees it as well; without the daemon's file the kubelet asks again.
	if errors.Is(err, errLost) {
		delegate, err = conf.today()
	}

	if err != nil {
		return err
	}

	data, err := json.Marshal(delegate)
	if err != nil {
		return fmt.Errorf("encoding the delegate's configuration: %w", err)
	}

	if err = invoke.DelegateDel(context.Background(), delegateType(delegate), data, p.exec); err != nil {
		return fmt.Errorf("deleting %s: %w", args.ContainerID, err)
	}

	return os.Remove(conf.saved(args.ContainerID))
}

func (p plugin) status(args *skel.CmdArgs) error {
	conf, err := parseConfig(args.StdinData)
	if err != nil {
		return err
	}

	if _, err = readSubnet(conf.SubnetFile); err != nil {
		return types.NewError(errorNotReady, "flannel's daemon has not given this node a subnet", err.Error())
	}

	return nil
}

// saved is the file with the delegate's configuration of a container. skel has checked that the ID is a mere name.
func (c *config) saved(containerID string) string {
	return filepath.Join(c.DataDir, containerID)
}

// today is the delegate's configuration as the daemon has it now.
func (c *config) today() (map[string]any, error) {
	network, err := readSubnet(c.SubnetFile)
	if err != nil {
		return nil, err
	}

	return c.delegate(network)
}

// save keeps the delegate's configuration of a container, whole or not at all if the power goes.
func (c *config) save(containerID string, data []byte) error {
	f, err := os.CreateTemp(c.DataDir, ".saving-*")
	if err != nil {
		return err
	}

	defer os.Remove(f.Name()) // no longer there if all went well

	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}

	return os.Rename(f.Name(), c.saved(containerID))
}

func (c *config) load(containerID string) (map[string]any, error) {
	data, err := os.ReadFile(c.saved(containerID))
	if err != nil {
		return nil, fmt.Errorf("reading the delegate's configuration: %w", err)
	}

	var delegate map[string]any

	if err = json.Unmarshal(data, &delegate); err != nil {
		return nil, fmt.Errorf("reading the delegate's configuration %s: %w: %w", c.saved(containerID), errLost, err)
	}

	return delegate, nil
}
