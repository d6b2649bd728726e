// SPDX-License-Identifier: MPL-2.0

//go:build dtb

package devicetree_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/u-root/u-root/pkg/dt"
	"gopkg.in/yaml.v3"

	"talos-nanopi-m6/internal/fdt"
	devicetree "talos-nanopi-m6/nix/tests/programs/device-tree"
)

// facts is dts/nanopi-m6.facts.yaml, which says what its fields mean.
type facts struct {
	Sources map[string]string `yaml:"sources"`
	BoardID struct {
		Source []string `yaml:"source"`
		// The rest is the boot flow's.
		Rest map[string]any `yaml:",inline"`
	} `yaml:"board-id"`
	Parts []part `yaml:"parts"`
}

type part struct {
	Part   string   `yaml:"part"`
	Source []string `yaml:"source"`
	Trees  []string `yaml:"trees"`
	Node   string   `yaml:"node"`
	Was    *says    `yaml:"was"`

	says `yaml:",inline"`
}

// says is what a node says.
type says struct {
	Properties map[string]any    `yaml:"properties"`
	Flags      []string          `yaml:"flags"`
	Lacks      []string          `yaml:"lacks"`
	GPIOs      map[string]string `yaml:"gpios"`
	Supplies   map[string]string `yaml:"supplies"`
	Groups     []string          `yaml:"groups"`
	Pins       map[string]string `yaml:"pins"`
	Status     string            `yaml:"status"`
	Microvolts []uint32          `yaml:"microvolts"`
	Absent     bool              `yaml:"absent"`
}

// claim is one thing that a node says.
type claim struct {
	node, kind, name string
	value            any
}

func (c claim) String() string { return strings.TrimSpace(c.node + " " + c.kind + " " + c.name) }

// claims takes what is said of the node apart.
func (s says) claims(node string) []claim {
	var list []claim

	add := func(kind, name string, value any) { list = append(list, claim{node, kind, name, value}) }

	for name, value := range s.Properties {
		add("property", name, value)
	}

	for _, name := range s.Flags {
		add("flag", name, true)
	}

	for _, name := range s.Lacks {
		add("flag", name, false)
	}

	for name, pin := range s.GPIOs {
		add("gpio", name, pin)
	}

	for name, regulator := range s.Supplies {
		add("supply", name, regulator)
	}

	if s.Groups != nil {
		add("groups", "", s.Groups)
	}

	for pin, mux := range s.Pins {
		add("pin", pin, mux)
	}

	if s.Status != "" {
		add("status", "", s.Status)
	}

	if s.Microvolts != nil {
		add("microvolts", "", s.Microvolts)
	}

	if s.Absent {
		add("absent", "", true)
	}

	return list
}

// get is what the tree says, in the notation of the file.
func (c claim) get(tree *devicetree.Tree) (any, error) {
	node, err := tree.Node(c.node)
	if err != nil {
		return nil, err
	}

	switch c.kind {
	case "property":
		if !node.Has(c.name) {
			return nil, nil
		}

		switch c.value.(type) {
		case string:
			// Where the file has one string, the property's first counts: others are more general names.
			return fdt.String(node.Node, c.name), nil
		case int:
			if cells := node.Cells(c.name); len(cells) == 1 {
				return int(cells[0]), nil
			}
		case []any:
			if _, ok := c.value.([]any)[0].(string); ok {
				return fdt.Strings(node.Node, c.name), nil
			}

			return node.Cells(c.name), nil
		}

		return node.Cells(c.name), nil
	case "flag":
		return node.Has(c.name), nil
	case "gpio":
		references, err := tree.References(node, c.name)
		if err != nil || len(references) != 1 {
			return fmt.Sprintf("%d GPIOs", len(references)), err
		}

		pin, _ := tree.GPIO(references[0])

		return fmt.Sprintf("%s active %s", pin, []string{"high", "low"}[references[0].Arguments[1]&1]), nil
	case "supply":
		supply, err := tree.Follow(node, c.name)
		if err != nil {
			return nil, err
		}

		return fdt.String(supply.Node, "regulator-name"), nil
	case "groups":
		references, err := tree.References(node, "pinctrl-0")

		names := []string{}
		for _, r := range references {
			names = append(names, r.To.Name)
		}

		return names, err
	case "pin":
		pins, err := tree.Pins(node)
		for _, pin := range pins {
			if pin.String() == c.name {
				return fmt.Sprintf("function %d %s", pin.Function, strings.TrimPrefix(pin.Configuration, "pcfg-")), err
			}
		}

		return "not taken", err
	case "status":
		return map[bool]string{true: "okay", false: "disabled"}[node.Okay()], nil
	case "microvolts":
		r, err := devicetree.AsRegulator(node)
		if r.Minimum == 0 && r.Maximum == 0 {
			return []uint32{}, err
		}

		return []uint32{r.Minimum, r.Maximum}, errors.Join(err, r.CheckRange())
	}

	return nil, fmt.Errorf("no such kind of claim: %s", c.kind)
}

// check holds the tree to the claim.
func (c claim) check(tree *devicetree.Tree) error {
	got, err := c.get(tree)
	if err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}

	if fmt.Sprint(got) != fmt.Sprint(c.value) {
		return fmt.Errorf("%s: got %v, want %v", c, got, c.value)
	}

	return nil
}

// put makes a tree say something else: what was said before, or, for nil, nothing of it.
func (c claim) put(t *testing.T, tree *devicetree.Tree, value any) {
	t.Helper()

	n := node(t, tree, c.node)
	phandle := func(wanted func(*devicetree.Node) bool) []byte {
		var found []byte

		tree.Root.Walk(func(n *devicetree.Node) bool {
			if wanted(n) && found == nil {
				found, _ = fdt.Property(n.Node, "phandle")
			}

			return true
		})

		if found == nil {
			t.Fatalf("%s: got nothing in the tree, want %v", c, value)
		}

		return found
	}
	cell := func(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

	switch {
	case c.kind == "absent" || value == nil && c.kind == "status":
		parent := node(t, tree, path.Dir(c.node))
		parent.Node.Children = slices.DeleteFunc(parent.Node.Children, func(child *dt.Node) bool { return child == n.Node })
	case c.kind == "flag" && value == true:
		n.UpdateProperty(c.name, nil)
	case c.kind == "microvolts":
		n.UpdateProperty("regulator-min-microvolt", cell(1))
		n.UpdateProperty("regulator-max-microvolt", cell(1))
	case c.kind == "groups" && value != nil:
		var groups []byte
		for _, name := range value.([]string) {
			groups = append(groups, phandle(func(n *devicetree.Node) bool { return n.Name == name })...)
		}

		n.UpdateProperty("pinctrl-0", groups)
	case c.kind == "pin" && value != nil:
		var function uint32

		var pull string
		if _, err := fmt.Sscanf(value.(string), "function %d %s", &function, &pull); err != nil {
			t.Fatal(err)
		}

		configuration := phandle(func(n *devicetree.Node) bool { return n.Name == "pcfg-"+pull })

		references, err := tree.References(n, "pinctrl-0")
		if err != nil {
			t.Fatal(err)
		}

		for _, group := range references {
			pins, _ := fdt.Property(group.To.Node, "rockchip,pins")
			for ; len(pins) > 0; pins = pins[16:] {
				pin := devicetree.Pin{Bank: binary.BigEndian.Uint32(pins), Line: binary.BigEndian.Uint32(pins[4:])}
				if pin.String() == c.name {
					copy(pins[8:], slices.Concat(cell(function), configuration))
				}
			}
		}
	case c.kind == "groups" || c.kind == "pin":
		n.RemoveProperty("pinctrl-0")
	case c.kind == "status":
		n.UpdateProperty("status", []byte(value.(string)+"\x00"))
	case value == nil || value == false || value == "":
		n.RemoveProperty(c.name)
	case c.kind == "gpio":
		var (
			bank, line uint32
			group      rune
			level      string
		)

		if _, err := fmt.Sscanf(value.(string), "gpio%d P%c%d active %s", &bank, &group, &line, &level); err != nil {
			t.Fatalf("%s: %q: %v", c, value, err)
		}

		place := fdt.String(node(t, tree, "/aliases").Node, fmt.Sprintf("gpio%d", bank))
		n.UpdateProperty(c.name, slices.Concat(phandle(func(n *devicetree.Node) bool { return n.Path == place }),
			cell(uint32(group-'A')*8+line), cell(map[string]uint32{"high": 0, "low": 1}[level])))
	case c.kind == "supply":
		n.UpdateProperty(c.name, phandle(func(n *devicetree.Node) bool { return fdt.String(n.Node, "regulator-name") == value }))
	case c.kind == "property":
		switch v := value.(type) {
		case string:
			n.UpdateProperty(c.name, []byte(v+"\x00"))
		case int:
			n.UpdateProperty(c.name, cell(uint32(v)))
		case []any:
			n.UpdateProperty(c.name, []byte(strings.Trim(strings.ReplaceAll(fmt.Sprint(v...), " ", "\x00"), "[]")+"\x00"))
		}
	default:
		t.Fatalf("%s: got a fact that cannot be made to say %v, want one that can", c, value)
	}
}

// wrong is a value of the claim's kind that is not the claim's.
func (c claim) wrong() any {
	switch value := c.value.(type) {
	case bool:
		return !value
	case int:
		return value + 1
	}

	switch c.kind {
	case "gpio":
		pin, level, _ := strings.Cut(c.value.(string), " active ")

		return pin + " active " + map[string]string{"high": "low", "low": "high"}[level]
	case "pin":
		return "function 9 pull-down"
	case "status":
		return map[any]string{"okay": "disabled", "disabled": "okay"}[c.value]
	case "supply":
		return map[bool]string{true: "vcc5v0_usb", false: "vcc5v0_sys"}[c.value == "vcc5v0_sys"]
	case "microvolts":
		return []uint32{1, 1}
	case "property":
		if _, ok := c.value.(string); ok {
			return "wrong"
		}
	}

	return nil
}

func readFacts(t *testing.T) facts {
	t.Helper()

	data, err := os.ReadFile(files(t, "BOARD_FACTS")[0])
	if err != nil {
		t.Fatal(err)
	}

	var f facts

	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)

	if err := decoder.Decode(&f); err != nil {
		t.Fatal(err)
	}

	return f
}

// revision says which of v1, v2 and u-boot a tree is.
func revision(name string) string {
	switch {
	case path.Base(name) == "u-boot.dtb":
		return "u-boot"
	case strings.HasSuffix(name, "v2.dtb"):
		return "v2"
	}

	return "v1"
}

// eachPart runs a test for each tree and each part that the tree is held to. What it gets is the tree's alone.
func eachPart(t *testing.T, test func(*testing.T, func() *devicetree.Tree, part)) {
	known := readFacts(t)

	for _, name := range append(files(t, "BOARD_DTB"), files(t, "BOARD_UBOOT_DTB")...) {
		root := open(t, name).Root.Node

		fresh := func() *devicetree.Tree {
			tree, err := devicetree.New(clone(root))
			if err != nil {
				t.Fatal(err)
			}

			return tree
		}

		for _, p := range known.Parts {
			if p.Trees == nil || slices.Contains(p.Trees, revision(name)) {
				t.Run(path.Base(name)+"/"+p.Part, func(t *testing.T) { test(t, fresh, p) })
			}
		}
	}
}

func clone(n *dt.Node) *dt.Node {
	c := &dt.Node{Name: n.Name}

	for _, p := range n.Properties {
		c.Properties = append(c.Properties, dt.Property{Name: p.Name, Value: slices.Clone(p.Value)})
	}

	for _, child := range n.Children {
		c.Children = append(c.Children, clone(child))
	}

	return c
}

func TestEveryFactHasASource(t *testing.T) {
	known := readFacts(t)
	used := map[string]bool{}

	check := func(what string, sources []string) {
		if len(sources) == 0 {
			t.Errorf("%s: got no source, want one", what)
		}

		for _, s := range sources {
			if known.Sources[s] == "" {
				t.Errorf("%s: got source %q, want one of %q", what, s, slices.Sorted(maps.Keys(known.Sources)))
			}

			used[s] = true
		}
	}

	check("board-id", known.BoardID.Source)

	if len(known.Parts) < 50 {
		t.Errorf("got %d parts, want 50 or more: the file was not read", len(known.Parts))
	}

	for _, p := range known.Parts {
		check(p.Part, p.Source)

		if len(p.claims(p.Node)) == 0 {
			t.Errorf("%s: got no claim, want one", p.Part)
		}
	}

	for s := range known.Sources {
		if !used[s] {
			t.Errorf("source %s: got no fact of it, want one", s)
		}
	}
}

func TestTreesSayTheFacts(t *testing.T) {
	eachPart(t, func(t *testing.T, fresh func() *devicetree.Tree, p part) {
		tree := fresh()

		for _, c := range p.claims(p.Node) {
			if err := c.check(tree); err != nil {
				t.Error(err)
			}
		}
	})
}

// A check that passes whatever the tree says is none.
func TestFactThatIsUndoneIsFound(t *testing.T) {
	undone := func(t *testing.T, fresh func() *devicetree.Tree, p part, change claim, value any) {
		t.Helper()

		tree := fresh()
		change.put(t, tree, value)

		changed, err := devicetree.New(tree.Root.Node)
		if err != nil {
			t.Fatal(err)
		}

		for _, c := range p.claims(p.Node) {
			if c.check(changed) != nil {
				return
			}
		}

		t.Errorf("%s: got a pass of a tree that says %v, want a failure", change, value)
	}

	eachPart(t, func(t *testing.T, fresh func() *devicetree.Tree, p part) {
		for _, c := range p.claims(p.Node) {
			undone(t, fresh, p, c, c.wrong())

			if c.value != false && c.node != "/" {
				undone(t, fresh, p, claim{c.node, "absent", "", nil}, true)
			}
		}

		if p.Was == nil {
			return
		}

		for _, c := range p.Was.claims(p.Node) {
			value := c.value
			if value == false { // lacks: it was there
				value = true
			}

			undone(t, fresh, p, c, value)
		}
	})
}
