// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/containernetworking/cni/pkg/types"
)

// config is what a network's configuration may tell this plugin.
type config struct {
	types.PluginConf

	// IPAM is what the delegate's IPAM plugin gets beside the node's subnet.
	IPAM map[string]any `json:"ipam"`

	// SubnetFile is where flannel's daemon leaves the node's subnet.
	SubnetFile string `json:"subnetFile"`
	// DataDir is where the delegates' configurations are kept until their containers are deleted.
	DataDir string `json:"dataDir"`

	// Delegate is what the delegate gets beside what flannel knows.
	Delegate map[string]any `json:"delegate"`

	RuntimeConfig map[string]any `json:"runtimeConfig"`

	RawPrevResult map[string]any `json:"prevResult"`
}

func parseConfig(data []byte) (*config, error) {
	c := &config{
		SubnetFile: "/run/flannel/subnet.env",
		DataDir:    "/var/lib/cni/flannel",
	}

	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("reading the network's configuration: %w", err)
	}

	return c, nil
}

// delegate is the configuration the delegate gets on this node.
func (c *config) delegate(n *subnet) (map[string]any, error) {
	for _, key := range []string{"name", "ipam"} {
		if _, ok := c.Delegate[key]; ok {
			return nil, fmt.Errorf("network %s: delegate.%s is not the network's to set: remove it", c.Name, key)
		}
	}

	d := map[string]any{
		"type": "bridge",
		"mtu":  n.mtu,
		// One of the two translates addresses, never both.
		"ipMasq": !n.ipMasq,
	}
	maps.Copy(d, c.Delegate)

	if _, ok := d["type"].(string); !ok {
		return nil, fmt.Errorf("network %s: delegate.type is %v: want a plugin's name", c.Name, d["type"])
	}

	if _, ok := d["isGateway"]; !ok && d["type"] == "bridge" {
		d["isGateway"] = true
	}

	ipam, err := c.ipam(n)
	if err != nil {
		return nil, fmt.Errorf("network %s: %w", c.Name, err)
	}

	d["name"] = c.Name
	d["cniVersion"] = c.CNIVersion
	d["ipam"] = ipam

	if c.RuntimeConfig != nil {
		d["runtimeConfig"] = c.RuntimeConfig
	}

	return d, nil
}

// ipam gives each pod an address of every subnet of the node, and a route to every network.
func (c *config) ipam(n *subnet) (map[string]any, error) {
	ipam := map[string]any{"type": "host-local"}
	maps.Copy(ipam, c.IPAM)

	ranges, err := list(ipam, "ranges")
	if err != nil {
		return nil, err
	}

	for _, prefix := range n.subnets {
		ranges = append(ranges, []map[string]any{{"subnet": prefix.String()}})
	}

	routes, err := list(ipam, "routes")
	if err != nil {
		return nil, err
	}

	for _, prefix := range n.networks {
		routes = append(routes, map[string]any{"dst": prefix.String()})
	}

	ipam["ranges"] = ranges
	ipam["routes"] = routes

	return ipam, nil
}

func list(from map[string]any, key string) ([]any, error) {
	value, ok := from[key]
	if !ok {
		return nil, nil
	}

	l, ok := value.([]any)
	if !ok {
		return nil, errors.New("ipam." + key + " is not a list")
	}

	return l, nil
}

func delegateType(delegate map[string]any) string {
	name, _ := delegate["type"].(string)

	return name
}
