// SPDX-License-Identifier: MPL-2.0

package devicetree

import (
	"errors"
	"fmt"

	"talos-nanopi-m6/internal/fdt"
)

// ErrNotRegulator is what a supply that leads elsewhere gives.
var ErrNotRegulator = errors.New("not a regulator")

// steps are voltages a regulator can be set to: from the lowest to the highest, both in microvolts, by step.
type steps struct {
	lowest, highest, step uint32
}

// chips are the regulators of the board that have settings, by their node's parent's or own compatible.
var (
	// rk806_buck_voltage_ranges, drivers/regulator/rk808-regulator.c: 6.25 mV steps, 25 mV above 1.5 V.
	rk806Buck = []steps{{500_000, 1_500_000, 6_250}, {1_500_000, 3_400_000, 25_000}}
	// rk806_ldo_voltage_ranges, the same file.
	rk806LDO = []steps{{500_000, 3_400_000, 12_500}}
	// rk8602_voltages_setup_rockchip, drivers/regulator/fan53555.c: 160 steps.
	rk860x = []steps{{500_000, 500_000 + 159*6_250, 6_250}}
)

// Regulator is what a tree says of a regulator. Voltages are in microvolts, 0 where the tree is silent.
type Regulator struct {
	*Node

	Name             string
	Minimum, Maximum uint32
}

// AsRegulator reads the node as a regulator: a fixed one, an RK860x, or one of an RK806.
func AsRegulator(node *Node) (Regulator, error) {
	r := Regulator{Node: node, Name: fdt.String(node.Node, "regulator-name")}
	if r.Name == "" {
		return r, fmt.Errorf("%s has no regulator-name: %w", node.Path, ErrNotRegulator)
	}

	r.Minimum, _ = fdt.Uint32(node.Node, "regulator-min-microvolt")
	r.Maximum, _ = fdt.Uint32(node.Node, "regulator-max-microvolt")

	if r.Minimum > r.Maximum {
		return r, fmt.Errorf("%s: %d to %d microvolts are no range: %w", node.Path, r.Minimum, r.Maximum, ErrNotRegulator)
	}

	return r, nil
}

// settings gives the voltages the chip can be set to; none for a fixed regulator.
func (r Regulator) settings() []steps {
	for _, compatible := range fdt.Strings(r.Node.Node, "compatible") {
		if compatible == "rockchip,rk8602" || compatible == "rockchip,rk8603" {
			return rk860x
		}
	}

	if r.Parent == nil || r.Parent.Name != "regulators" {
		return nil
	}

	if len(r.Node.Name) > 4 && r.Node.Name[:4] == "dcdc" {
		return rk806Buck
	}

	return rk806LDO
}

// CheckRange fails where the tree allows a voltage that the regulator's chip cannot be set to. A range the tree leaves
// out is the board's own (a divider at the feedback pin) and passes.
func (r Regulator) CheckRange() error {
	settings := r.settings()
	if settings == nil || r.Maximum == 0 {
		return nil
	}

	for _, microvolts := range []uint32{r.Minimum, r.Maximum} {
		if !settable(settings, microvolts) {
			return fmt.Errorf("%s (%s): no setting of the chip gives %d microvolts", r.Name, r.Path, microvolts)
		}
	}

	return nil
}

func settable(settings []steps, microvolts uint32) bool {
	for _, s := range settings {
		if microvolts >= s.lowest && microvolts <= s.highest && (microvolts-s.lowest)%s.step == 0 {
			return true
		}
	}

	return false
}
