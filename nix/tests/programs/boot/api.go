// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/nethelpers"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"

	"talos-nanopi-m6/internal/qemu"
)

// askEvery is the pause between questions, askFor how long one may take.
const (
	askEvery = 500 * time.Millisecond
	askFor   = 5 * time.Second
)

// answers are what a user sees with `talosctl get machinestatus|disks|links --insecure`.
type answers struct {
	Stage string   `json:"stage"`
	Ready bool     `json:"ready"`
	Unmet []string `json:"unmet,omitempty"`
	Disks []disk   `json:"disks"`
	Links []link   `json:"links"`
}

type disk struct {
	Name      string `json:"name"`
	Size      uint64 `json:"size"` // bytes
	Transport string `json:"transport"`
	ReadOnly  bool   `json:"readOnly"`
}

type link struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Physical bool   `json:"physical"`
	State    string `json:"state"`
	MAC      string `json:"mac,omitempty"`
}

// dial makes a client as talosctl's --insecure does: maintenance mode has a certificate nobody can know yet.
func dial(ctx context.Context, endpoint string) (*client.Client, error) {
	return client.New(ctx,
		client.WithEndpoints(endpoint),
		client.WithTLSConfig(&tls.Config{InsecureSkipVerify: true}), // see above
	)
}

// ask reads everything once.
func ask(ctx context.Context, c *client.Client) (answers, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()

	var a answers

	status, err := safe.StateGetByID[*runtime.MachineStatus](ctx, c.COSI, runtime.MachineStatusID)
	if err != nil {
		return a, fmt.Errorf("machine status: %w", err)
	}

	a.Stage = status.TypedSpec().Stage.String()
	a.Ready = status.TypedSpec().Status.Ready

	for _, u := range status.TypedSpec().Status.UnmetConditions {
		a.Unmet = append(a.Unmet, u.Name+": "+u.Reason)
	}

	disks, err := safe.StateListAll[*block.Disk](ctx, c.COSI)
	if err != nil {
		return a, fmt.Errorf("disks: %w", err)
	}

	for d := range disks.All() {
		s := d.TypedSpec()
		a.Disks = append(a.Disks, disk{d.Metadata().ID(), s.Size, s.Transport, s.Readonly})
	}

	links, err := safe.StateListAll[*network.LinkStatus](ctx, c.COSI)
	if err != nil {
		return a, fmt.Errorf("links: %w", err)
	}

	for l := range links.All() {
		s := l.TypedSpec()
		a.Links = append(a.Links, link{l.Metadata().ID(), s.Type.String(), s.Physical(), s.OperationalState.String(), s.HardwareAddr.String()})
	}

	return a, nil
}

// transports are what Talos calls the ways QEMU attaches a disk.
var transports = map[qemu.Disk]string{
	qemu.Virtio: "virtio",
	qemu.NVMe:   "nvme",
	qemu.SD:     "mmc",
	qemu.EMMC:   "mmc",
	qemu.USB:    "usb",
}

// judge says what a user would miss in the answers of a machine whose boot disk has this size, in bytes, and whose Ethernet
// link has this hardware address; "" is any.
func (a answers) judge(attached qemu.Disk, size int64, mac string) error {
	var errs []error

	if want := runtime.MachineStageMaintenance.String(); a.Stage != want {
		errs = append(errs, fmt.Errorf("machine status: stage %s, want %s", a.Stage, want))
	}

	if !a.Ready {
		errs = append(errs, fmt.Errorf("machine status: not ready: %v", a.Unmet))
	}

	if !a.hasDisk(transports[attached], uint64(size)) {
		errs = append(errs, fmt.Errorf("disks: no %s disk of %d bytes, which the image is on: %+v", transports[attached], size, a.Disks))
	}

	if !a.hasEthernet(mac) {
		errs = append(errs, fmt.Errorf("links: no Ethernet link is up with the address %s: %+v", cmp.Or(mac, "of whatever kind"), a.Links))
	}

	return errors.Join(errs...)
}

func (a answers) hasDisk(transport string, size uint64) bool {
	for _, d := range a.Disks {
		if d.Transport == transport && d.Size == size && !d.ReadOnly {
			return true
		}
	}

	return false
}

func (a answers) hasEthernet(mac string) bool {
	for _, l := range a.Links {
		if l.Physical && l.Type == nethelpers.LinkEther.String() && l.State == nethelpers.OperStateUp.String() && (mac == "" || l.MAC == mac) {
			return true
		}
	}

	return false
}
