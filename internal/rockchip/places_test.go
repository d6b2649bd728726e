// SPDX-License-Identifier: MPL-2.0

package rockchip_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/u-root/u-root/pkg/dt"

	"talos-nanopi-m6/internal/fdt"
	"talos-nanopi-m6/internal/rockchip"
)

// fit makes a FIT of images with the given properties, all of which its configuration loads, with external data behind it.
func fit(t *testing.T, external []byte, images ...[]dt.Property) []byte {
	t.Helper()

	var (
		nodes []*dt.Node
		names string
	)

	for n, properties := range images {
		name := fmt.Sprintf("image-%d", n)
		names += name + "\x00"
		sum := sha256.Sum256(external)

		nodes = append(nodes, &dt.Node{Name: name, Properties: properties, Children: []*dt.Node{{
			Name: "hash-1", Properties: []dt.Property{{Name: "algo", Value: []byte("sha256\x00")}, {Name: "value", Value: sum[:]}},
		}}})
	}

	b, err := fdt.Write(&dt.FDT{Header: dt.Header{Magic: dt.Magic, Version: 17, LastCompVersion: 16}, RootNode: &dt.Node{Children: []*dt.Node{
		{Name: "images", Children: nodes},
		{Name: "configurations", Properties: []dt.Property{{Name: "default", Value: []byte("config-1\x00")}}, Children: []*dt.Node{
			{Name: "config-1", Properties: []dt.Property{{Name: "loadables", Value: []byte(names)}}},
		}},
	}}})
	if err != nil {
		t.Fatal(err)
	}

	return append(append(b, make([]byte, -len(b)&3)...), external...)
}

func TestAnImagesDataAreInOnePlace(t *testing.T) {
	good := []byte("the program")
	data := dt.Property{Name: "data", Value: good}
	size, offset, position := dt.PropertyU32("data-size", uint32(len(good))), dt.PropertyU32("data-offset", 0), dt.PropertyU32("data-position", 64)

	for name, properties := range map[string][]dt.Property{
		"inside": {data}, "behind": {size, offset},
	} {
		if _, err := rockchip.ReadFIT(bytes.NewReader(fit(t, good, properties)), 0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	for name, properties := range map[string][]dt.Property{
		"inside and at a position": {data, size, position},
		"inside and at an offset":  {data, size, offset},
		"at both":                  {size, position, offset},
	} {
		if _, err := rockchip.ReadFIT(bytes.NewReader(fit(t, good, properties)), 0); !errors.Is(err, rockchip.ErrNoFIT) || !strings.Contains(err.Error(), "more than one place") {
			t.Errorf("%s: got %v, want %v and %q", name, err, rockchip.ErrNoFIT, "more than one place")
		}
	}

	// SPL takes the first of two, another reader the last.
	if _, err := rockchip.ReadFIT(bytes.NewReader(fit(t, good, []dt.Property{data, {Name: "data", Value: []byte("another one")}})), 0); !errors.Is(err, fdt.ErrDamaged) {
		t.Errorf("data twice: got %v, want %v", err, fdt.ErrDamaged)
	}
}

// counting counts what is read.
type counting struct {
	*bytes.Reader

	n int
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Reader.ReadAt(p, off)
	c.n += n

	return n, err
}

func TestImagesOverTheSameBytesCountEachTime(t *testing.T) {
	external := make([]byte, 40<<20)
	over := []dt.Property{dt.PropertyU32("data-size", uint32(len(external))), dt.PropertyU32("data-offset", 0)}

	r := &counting{Reader: bytes.NewReader(fit(t, external, over, over, over, over, over, over, over, over, over, over))}
	if _, err := rockchip.ReadFIT(r, 0); !errors.Is(err, rockchip.ErrNoFIT) || !strings.Contains(err.Error(), "together") {
		t.Errorf("got %v, want %v and %q", err, rockchip.ErrNoFIT, "together")
	}

	if r.n > 64<<20 {
		t.Errorf("got %d bytes read, want 64 MiB at most", r.n)
	}
}
