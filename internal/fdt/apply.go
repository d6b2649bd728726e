// SPDX-License-Identifier: MPL-2.0

package fdt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/u-root/u-root/pkg/dt"
)

// ErrOverlay is returned for an overlay that is none or does not fit its base.
var ErrOverlay = errors.New("overlay cannot be applied")

// Apply applies an overlay onto base, which is changed even after an error, as libfdt's fdt_overlay_apply (and so the
// fdtoverlay program) does: what the overlay calls symbols must be in the base's __symbols__, its own phandles move
// above the base's, and its own symbols join the base's.
func Apply(base, overlay *dt.FDT) error {
	a := application{base: base.RootNode, overlay: overlay.RootNode}

	for _, step := range []func() error{
		a.movePhandles,
		a.resolveSymbols,
		a.keepBasePhandles,
		a.merge,
		a.joinSymbols,
	} {
		if err := step(); err != nil {
			return err
		}
	}

	return nil
}

type application struct {
	base, overlay *dt.Node
}

var phandleNames = []string{"phandle", "linux,phandle"}

func phandle(node *dt.Node) uint32 {
	for _, name := range phandleNames {
		if value, ok := Uint32(node, name); ok {
			return value
		}
	}

	return 0
}

// movePhandles adds the base's highest phandle to the overlay's own, and to every place that refers to one.
func (a *application) movePhandles() error {
	var highest uint32

	walk(a.base, func(node *dt.Node) { highest = max(highest, phandle(node)) })

	if highest >= math.MaxUint32-1 {
		return fmt.Errorf("%w: the base has no phandles left", ErrOverlay)
	}

	var err error

	add := func(cell []byte) {
		moved := uint64(binary.BigEndian.Uint32(cell)) + uint64(highest)
		if moved >= math.MaxUint32 {
			err = fmt.Errorf("%w: its phandles do not fit above the base's %d", ErrOverlay, highest)
		}

		binary.BigEndian.PutUint32(cell, uint32(moved))
	}

	walk(a.overlay, func(node *dt.Node) {
		for _, name := range phandleNames {
			if value, ok := Property(node, name); ok && len(value) == 4 {
				add(value)
			}
		}
	})

	if err := a.eachLocalReference(add); err != nil {
		return err
	}

	return err
}

// eachLocalReference visits the cells of the overlay that hold one of its own phandles: __local_fixups__ mirrors the
// overlay's nodes, and has their offsets in properties of the same names.
func (a *application) eachLocalReference(visit func(cell []byte)) error {
	fixups := Child(a.overlay, "__local_fixups__")
	if fixups == nil {
		return nil
	}

	var descend func(fixup, node *dt.Node) error

	descend = func(fixup, node *dt.Node) error {
		for _, p := range fixup.Properties {
			value, ok := Property(node, p.Name)
			if !ok || len(p.Value)%4 != 0 {
				return fmt.Errorf("%w: __local_fixups__ has %s, which node %s has not", ErrOverlay, p.Name, node.Name)
			}

			for at := 0; at < len(p.Value); at += 4 {
				cell, err := cellAt(value, int64(binary.BigEndian.Uint32(p.Value[at:])))
				if err != nil {
					return fmt.Errorf("__local_fixups__ of %s in node %s: %w", p.Name, node.Name, err)
				}

				visit(cell)
			}
		}

		for _, child := range fixup.Children {
			target := Child(node, child.Name)
			if target == nil {
				return fmt.Errorf("%w: __local_fixups__ has node %s, which the overlay has not", ErrOverlay, child.Name)
			}

			if err := descend(child, target); err != nil {
				return err
			}
		}

		return nil
	}

	return descend(fixups, a.overlay)
}

func cellAt(value []byte, offset int64) ([]byte, error) {
	if offset < 0 || offset+4 > int64(len(value)) {
		return nil, fmt.Errorf("%w: offset %d is outside the property's %d bytes", ErrOverlay, offset, len(value))
	}

	return value[offset : offset+4], nil
}

// resolveSymbols writes the base's phandles where the overlay names the base's symbols: __fixups__ has, for each
// symbol, strings of the form path:property:offset.
func (a *application) resolveSymbols() error {
	fixups := Child(a.overlay, "__fixups__")
	if fixups == nil || len(fixups.Properties) == 0 {
		return nil
	}

	symbols := Child(a.base, "__symbols__")
	if symbols == nil {
		return fmt.Errorf("%w: the base device tree has no __symbols__ (compile it with dtc -@)", ErrOverlay)
	}

	for _, fixup := range fixups.Properties {
		path := String(symbols, fixup.Name)
		if path == "" {
			return fmt.Errorf("%w: it refers to the symbol %q, which the base device tree has not", ErrOverlay, fixup.Name)
		}

		target := Lookup(a.base, path)
		if target == nil || phandle(target) == 0 {
			return fmt.Errorf("%w: the base's symbol %q stands for %s, which has no phandle", ErrOverlay, fixup.Name, path)
		}

		places := Strings(&dt.Node{Properties: []dt.Property{fixup}}, fixup.Name)
		if len(places) == 0 {
			return fmt.Errorf("%w: __fixups__ of %q is not a list of places", ErrOverlay, fixup.Name)
		}

		for _, place := range places {
			cell, err := a.cell(place)
			if err != nil {
				return fmt.Errorf("__fixups__ of %q: %w", fixup.Name, err)
			}

			binary.BigEndian.PutUint32(cell, phandle(target))
		}
	}

	return nil
}

// cell finds the cell that path:property:offset names.
func (a *application) cell(place string) ([]byte, error) {
	parts := strings.Split(place, ":")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%w: %q is not of the form path:property:offset", ErrOverlay, place)
	}

	node := Lookup(a.overlay, parts[0])
	if node == nil {
		return nil, fmt.Errorf("%w: the overlay has no node %s", ErrOverlay, parts[0])
	}

	value, ok := Property(node, parts[1])
	if !ok {
		return nil, fmt.Errorf("%w: node %s has no property %s", ErrOverlay, parts[0], parts[1])
	}

	offset, err := strconv.ParseInt(parts[2], 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%w: offset %q in %q", ErrOverlay, parts[2], place)
	}

	return cellAt(value, offset)
}

// keepBasePhandles gives a node of the overlay that already has a phandle in the base that one, so that what the base
// says of it still holds (libfdt since v1.7.1, overlay_prevent_phandle_overwrite).
func (a *application) keepBasePhandles() error {
	return a.eachFragment(func(target, overlay *dt.Node) error { return a.keepBasePhandle(target, overlay) })
}

func (a *application) keepBasePhandle(target, node *dt.Node) error {
	if kept, own := phandle(target), phandle(node); kept != 0 && own != 0 {
		replace := func(cell []byte) {
			if binary.BigEndian.Uint32(cell) == own {
				binary.BigEndian.PutUint32(cell, kept)
			}
		}

		walk(a.overlay, func(node *dt.Node) {
			for _, name := range phandleNames {
				if value, ok := Property(node, name); ok && len(value) == 4 {
					replace(value)
				}
			}
		})

		if err := a.eachLocalReference(replace); err != nil {
			return err
		}
	}

	for _, child := range node.Children {
		if known := Child(target, child.Name); known != nil {
			if err := a.keepBasePhandle(known, child); err != nil {
				return err
			}
		}
	}

	return nil
}

func (a *application) merge() error {
	return a.eachFragment(func(target, overlay *dt.Node) error {
		mergeNode(target, overlay)

		return nil
	})
}

func mergeNode(target, overlay *dt.Node) {
	for _, p := range overlay.Properties {
		target.Update(p)
	}

	for _, child := range overlay.Children {
		known := Child(target, child.Name)
		if known == nil {
			known = &dt.Node{Name: child.Name}
			target.Children = append(target.Children, known)
		}

		mergeNode(known, child)
	}
}

// eachFragment visits the overlay's fragments: the node of the base each one changes, and its __overlay__.
func (a *application) eachFragment(visit func(target, overlay *dt.Node) error) error {
	found := false

	for _, fragment := range a.overlay.Children {
		overlay := Child(fragment, "__overlay__")
		if overlay == nil {
			continue
		}

		found = true

		target, _, err := a.target(fragment)
		if err != nil {
			return err
		}

		if err := visit(target, overlay); err != nil {
			return err
		}
	}

	if !found {
		return fmt.Errorf("%w: it has no fragment with an __overlay__ (a device tree, no overlay)", ErrOverlay)
	}

	return nil
}

// target finds the node of the base that a fragment changes, and the node's path.
func (a *application) target(fragment *dt.Node) (*dt.Node, string, error) {
	if wanted, ok := Uint32(fragment, "target"); ok && wanted != 0 && wanted != math.MaxUint32 {
		if node, path := byPhandle(a.base, "", wanted); node != nil {
			return node, path, nil
		}

		return nil, "", fmt.Errorf("%w: %s is for phandle %d, which the base has not", ErrOverlay, fragment.Name, wanted)
	}

	path := String(fragment, "target-path")
	if path == "" {
		return nil, "", fmt.Errorf("%w: %s has neither target nor target-path", ErrOverlay, fragment.Name)
	}

	node := Lookup(a.base, path)
	if node == nil {
		return nil, "", fmt.Errorf("%w: %s is for %s, which the base has not", ErrOverlay, fragment.Name, path)
	}

	return node, strings.TrimSuffix(path, "/"), nil
}

func byPhandle(node *dt.Node, path string, wanted uint32) (*dt.Node, string) {
	if phandle(node) == wanted {
		return node, path
	}

	for _, child := range node.Children {
		if found, foundPath := byPhandle(child, path+"/"+child.Name, wanted); found != nil {
			return found, foundPath
		}
	}

	return nil, ""
}

// joinSymbols adds the overlay's symbols to the base's, for the overlays that follow.
func (a *application) joinSymbols() error {
	added := Child(a.overlay, "__symbols__")
	if added == nil {
		return nil
	}

	symbols := Child(a.base, "__symbols__")
	if symbols == nil {
		symbols = &dt.Node{Name: "__symbols__"}
		a.base.Children = append(a.base.Children, symbols)
	}

	for _, symbol := range added.Properties {
		// /fragment@0/__overlay__/node; what is elsewhere is not merged and has no place in the base.
		name, rest, _ := strings.Cut(strings.TrimPrefix(String(added, symbol.Name), "/"), "/")

		rest, inside := strings.CutPrefix(rest, "__overlay__")
		if !inside || (rest != "" && rest[0] != '/') {
			continue
		}

		fragment := Child(a.overlay, name)
		if fragment == nil {
			return fmt.Errorf("%w: its symbol %q is in %s, which it has not", ErrOverlay, symbol.Name, name)
		}

		_, path, err := a.target(fragment)
		if err != nil {
			return err
		}

		if path += rest; path == "" {
			path = "/"
		}

		symbols.UpdateProperty(symbol.Name, append([]byte(path), 0))
	}

	return nil
}

func walk(node *dt.Node, visit func(*dt.Node)) {
	visit(node)

	for _, child := range node.Children {
		walk(child, visit)
	}
}
