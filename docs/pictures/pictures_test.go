// SPDX-License-Identifier: MPL-2.0

package main

import (
	"slices"
	"testing"
)

func TestALineThatALongerPathMakesNeedlessIsLeftOut(t *testing.T) {
	g := graph{"a": {"b", "c"}, "b": {"c"}, "c": nil}

	if got, want := g.reduced()["a"], []string{"b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}

	if got, want := len(g.floors()), 3; got != want {
		t.Errorf("got %d floors, want %d", got, want)
	}
}
