// SPDX-License-Identifier: MPL-2.0

package devicetree

import (
	"fmt"
	"strconv"

	"talos-nanopi-m6/internal/fdt"
)

// Pin is a pin of the SoC. A bank has 32 lines in the groups A to D (Rockchip's naming).
type Pin struct {
	Bank, Line uint32
}

// String names the pin as Rockchip's schematics do: "gpio4 PB5".
func (p Pin) String() string {
	return fmt.Sprintf("gpio%d P%c%d", p.Bank, 'A'+rune(p.Line/8), p.Line%8)
}

// Mux is a pin and what a pinctrl group makes of it; function 0 is the GPIO itself.
type Mux struct {
	Pin

	Function uint32
	// Configuration names the node of pulls and drive strengths ("pcfg-pull-up"), "" where the group leads to none.
	Configuration string
}

// cellsPerPin is the number of cells of an entry of rockchip,pins: bank, line, function, configuration
// (Documentation/devicetree/bindings/pinctrl/rockchip,pinctrl.yaml).
const cellsPerPin = 4

// Pins gives the pins that the node's first pinctrl state takes. Groups of other pin controllers (the PMIC's) count for
// nothing.
func (t *Tree) Pins(node *Node) ([]Mux, error) {
	groups, err := t.References(node, "pinctrl-0")
	if err != nil {
		return nil, err
	}

	var pins []Mux

	for _, group := range groups {
		if group.To == nil || !group.To.Has("rockchip,pins") {
			continue
		}

		cells := group.To.Cells("rockchip,pins")
		if len(cells) == 0 || len(cells)%cellsPerPin != 0 {
			return nil, fmt.Errorf("%s: rockchip,pins has %d cells, not a multiple of %d: %w",
				group.To.Path, len(cells), cellsPerPin, ErrCutShort)
		}

		for ; len(cells) > 0; cells = cells[cellsPerPin:] {
			mux := Mux{Pin: Pin{Bank: cells[0], Line: cells[1]}, Function: cells[2]}
			if configuration := t.byPhandle[cells[3]]; configuration != nil {
				mux.Configuration = configuration.Name
			}

			pins = append(pins, mux)
		}
	}

	return pins, nil
}

// GPIO gives the pin of a reference to a GPIO bank of the SoC, and whether it is one. Its bank is the number of the
// bank's alias (gpio0 to gpio4).
func (t *Tree) GPIO(reference Reference) (Pin, bool) {
	if reference.To == nil || len(reference.Arguments) == 0 {
		return Pin{}, false
	}

	bank, ok := t.bank(reference.To)

	return Pin{Bank: bank, Line: reference.Arguments[0]}, ok
}

func (t *Tree) bank(node *Node) (uint32, bool) {
	aliases, err := t.Node("/aliases")
	if err != nil {
		return 0, false
	}

	for bank := range uint32(5) {
		if fdt.String(aliases.Node, "gpio"+strconv.Itoa(int(bank))) == node.Path {
			return bank, true
		}
	}

	return 0, false
}
