// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/hashicorp/go-envparse"
)

// subnet is what flannel's daemon decided for this node.
type subnet struct {
	// networks are the cluster's, subnets the node's parts of them: IPv4, IPv6 or both.
	networks, subnets []netip.Prefix
	// mtu is the pods' largest packet, in bytes.
	mtu int
	// ipMasq tells that the daemon translates the addresses of packets that leave the cluster.
	ipMasq bool
}

// readSubnet reads the file that flannel's daemon writes (flannel, doc/running.md).
func readSubnet(path string) (*subnet, error) {
	s, err := parseSubnet(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: flannel's daemon writes it: look at its pod on this node", err)
	}

	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}

	return s, nil
}

func parseSubnet(path string) (*subnet, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}

	defer file.Close() // only read

	env, err := envparse.Parse(file)
	if err != nil {
		return nil, err
	}

	s := &subnet{}

	for _, family := range []string{"FLANNEL_", "FLANNEL_IPV6_"} {
		networks, err := prefixes(env, family+"NETWORK")
		if err != nil {
			return nil, err
		}

		subnets, err := prefixes(env, family+"SUBNET")
		if err != nil {
			return nil, err
		}

		s.networks = append(s.networks, networks...)
		s.subnets = append(s.subnets, subnets...)
	}

	if len(s.subnets) == 0 {
		return nil, errors.New("neither FLANNEL_SUBNET nor FLANNEL_IPV6_SUBNET is in it")
	}

	if s.mtu, err = strconv.Atoi(env["FLANNEL_MTU"]); err != nil {
		return nil, fmt.Errorf("FLANNEL_MTU: %w", err)
	}

	if s.ipMasq, err = strconv.ParseBool(env["FLANNEL_IPMASQ"]); err != nil {
		return nil, fmt.Errorf("FLANNEL_IPMASQ: %w", err)
	}

	return s, nil
}

// prefixes reads a list of networks; of an address in a network (the daemon gives its own) it keeps the network.
func prefixes(env map[string]string, key string) ([]netip.Prefix, error) {
	if env[key] == "" {
		return nil, nil
	}

	var list []netip.Prefix

	for text := range strings.SplitSeq(env[key], ",") {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}

		list = append(list, prefix.Masked())
	}

	return list, nil
}
