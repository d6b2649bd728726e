// SPDX-License-Identifier: MPL-2.0

package main

import (
	"slices"
	"testing"
)

func TestKernelArgumentsAreQuotedAsTheKernelQuotes(t *testing.T) {
	const verity = `dm-mod.create="vg,,,ro,0 8192 linear /dev/sda 0"`

	for _, c := range []struct {
		value any
		want  []string
	}{
		{verity + " quiet", []string{verity, "quiet"}},
		{[]any{verity, "quiet"}, []string{verity, "quiet"}},
		{`"a b=c d" e`, []string{`"a b=c d"`, "e"}},
		{"  a\tb\n", []string{"a", "b"}},
		{`a="" b`, []string{`a=""`, "b"}},
		{"", nil},
	} {
		if got, err := toKernelArgs(c.value); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%#v: got %q, %v, want %q", c.value, got, err, c.want)
		}
	}

	for _, value := range []any{`a="b c`, []any{"a b"}, []any{""}, []any{" a"}, []any{`a="b`, `c"`}, []any{"a\x1bb"}, []any{`"a" b`}, 5} {
		if got, err := toKernelArgs(value); err == nil {
			t.Errorf("%#v: got %q, want an error", value, got)
		}
	}
}
