// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"os"
	"slices"
	"testing"
)

func TestPackagesAreDrawnAsTheyAre(t *testing.T) {
	g, err := packages("../..")
	if err != nil {
		t.Fatal(err)
	}

	have, err := os.ReadFile("packages.svg")
	if err != nil {
		t.Fatal(err)
	}

	if !bytes.Equal(have, g.svg("Go packages: each needs what its lines lead down to")) {
		t.Error("packages.svg is not as the code is; hint: go run ./docs/pictures")
	}
}

func TestALineThatALongerPathMakesNeedlessIsLeftOut(t *testing.T) {
	g := graph{"a": {"b", "c"}, "b": {"c"}, "c": nil}

	if got, want := g.reduced()["a"], []string{"b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}

	if got, want := len(g.floors()), 3; got != want {
		t.Errorf("got %d floors, want %d", got, want)
	}
}
