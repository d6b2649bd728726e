// SPDX-License-Identifier: MPL-2.0

package fdt_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/u-root/u-root/pkg/dt"

	"talos-nanopi-m6/internal/fdt"
)

func readFile(t testing.TB, name string) []byte {
	t.Helper()

	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}

	return data
}

func read(t *testing.T, name string) *dt.FDT {
	t.Helper()

	tree, err := fdt.Read(readFile(t, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}

	return tree
}

// lines writes a tree as one line a property, sorted: the order of nodes and properties means nothing.
func lines(tree *dt.FDT) []string {
	var out []string

	for _, entry := range tree.ReserveEntries {
		out = append(out, fmt.Sprintf("reserve %x %x", entry.Address, entry.Size))
	}

	var descend func(*dt.Node, string)

	descend = func(node *dt.Node, path string) {
		out = append(out, path+"/")

		for _, p := range node.Properties {
			out = append(out, path+"/"+p.Name+"="+hex.EncodeToString(p.Value))
		}

		for _, child := range node.Children {
			descend(child, path+"/"+child.Name)
		}
	}

	descend(tree.RootNode, "")
	slices.Sort(out)

	return out
}

func TestOverlaysGiveWhatFdtoverlayGives(t *testing.T) {
	for _, tc := range []struct {
		want     string
		overlays []string
	}{
		{"first.dtb", []string{"first.dtbo"}},
		{"second.dtb", []string{"first.dtbo", "second.dtbo"}},
		{"phandle.dtb", []string{"phandle.dtbo"}},
	} {
		t.Run(tc.want, func(t *testing.T) {
			base := read(t, "base.dtb")

			for _, name := range tc.overlays {
				if err := fdt.Apply(base, read(t, name)); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}

			flat, err := fdt.Write(base)
			if err != nil {
				t.Fatal(err)
			}

			again, err := fdt.Read(flat)
			if err != nil {
				t.Fatalf("what was written does not read back: %v", err)
			}

			got, want := lines(again), lines(read(t, tc.want))
			for _, line := range want {
				if !slices.Contains(got, line) {
					t.Errorf("got no %s, want it", line)
				}
			}

			for _, line := range got {
				if !slices.Contains(want, line) {
					t.Errorf("got %s, want none", line)
				}
			}
		})
	}
}

func TestOverlayThatDoesNotFitIsRefusedAndSaysWhy(t *testing.T) {
	for _, tc := range []struct{ base, overlay, want string }{
		{"base.dtb", "missing.dtbo", `symbol "no_such_label"`},
		{"base.dtb", "second.dtbo", `symbol "codec"`},
		{"plain.dtb", "first.dtbo", "compile it with dtc -@"},
		{"base.dtb", "base.dtb", "no overlay"},
	} {
		t.Run(tc.overlay+" on "+tc.base, func(t *testing.T) {
			err := fdt.Apply(read(t, tc.base), read(t, tc.overlay))
			if !errors.Is(err, fdt.ErrOverlay) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v does not say %q", err, tc.want)
			}
		})
	}
}

func TestReadRefusesEveryCutAndWhatIsNoTree(t *testing.T) {
	whole := readFile(t, "first.dtb")

	for n := range whole {
		if _, err := fdt.Read(whole[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes pass for a tree: got no error, want one", n, len(whole))
		}
	}

	if _, err := fdt.Read(append(bytes.Clone(whole), 1, 2, 3)); err != nil {
		t.Errorf("what follows the tree is not ignored: %v", err)
	}

	if _, err := fdt.Read([]byte("this is a text of more than forty bytes, no tree")); !errors.Is(err, fdt.ErrNoTree) {
		t.Errorf("a text: got %v, want %v", err, fdt.ErrNoTree)
	}
}

func TestLookupFollowsAliasesAndLeavesOutUnitAddresses(t *testing.T) {
	root := read(t, "base.dtb").RootNode

	for path, want := range map[string]string{
		"/": "", "/soc/i2c@2000/rtc@51": "rtc@51", "i2c0/rtc@51": "rtc@51", "/soc/gpio": "gpio@1000", "ethernet0": "ethernet@3000",
	} {
		if node := fdt.Lookup(root, path); node == nil || node.Name != want {
			t.Errorf("%s: got %v, want %s", path, node, want)
		}
	}

	for _, path := range []string{"/soc/none", "none", "none/rtc@51", "/soc/gpio@1000/none"} {
		if node := fdt.Lookup(root, path); node != nil {
			t.Errorf("%s: got %s, want none", path, node.Name)
		}
	}
}

// What comes from outside may be refused, but must neither panic nor ask for more memory than it has bytes.
func FuzzReadAndApply(f *testing.F) {
	for _, name := range []string{"base.dtb", "first.dtb"} {
		for _, overlay := range []string{"first.dtbo", "second.dtbo", "phandle.dtbo", "missing.dtbo"} {
			f.Add(readFile(f, name), readFile(f, overlay))
		}
	}

	f.Fuzz(func(t *testing.T, base, overlay []byte) {
		baseTree, err := fdt.Read(base)
		if err != nil {
			return
		}

		overlayTree, err := fdt.Read(overlay)
		if err != nil {
			return
		}

		if err := fdt.Apply(baseTree, overlayTree); err != nil {
			return
		}

		flat, err := fdt.Write(baseTree)
		if err != nil {
			t.Fatal(err)
		}

		if _, err := fdt.Read(flat); err != nil && len(flat) <= fdt.MaxSize {
			t.Fatalf("applied tree: got %v, want it to read back", err)
		}
	})
}

// Each property has a copy of its name, and all of them may share one of a megabyte.
func TestNamesOfAnyLengthTakeNoTime(t *testing.T) {
	long := strings.Repeat("n", 1<<20)

	for name, node := range map[string]*dt.Node{
		"a node":     {Children: []*dt.Node{{Name: long}}},
		"a property": {Properties: []dt.Property{{Name: long, Value: []byte{1}}}},
	} {
		b, err := fdt.Write(&dt.FDT{Header: dt.Header{Magic: dt.Magic, Version: 17, LastCompVersion: 16}, RootNode: node})
		if err != nil {
			t.Fatal(err)
		}

		if _, err := fdt.Read(b); !errors.Is(err, fdt.ErrDamaged) || !strings.Contains(err.Error(), "within 255 bytes") {
			t.Errorf("%s with a name of a megabyte: got %v, want %v", name, err, fdt.ErrDamaged)
		}
	}
}
