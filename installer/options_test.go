// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"talos-nanopi-m6/internal/board"
)

// What --overlay-option gives is strings; a profile gives what YAML makes of it.
func TestStringsWorkAsWellAsTypedValues(t *testing.T) {
	get := map[string]func(*options) any{
		"console":         func(o *options) any { return o.console },
		"earlycon":        func(o *options) any { return o.earlycon },
		"bootDevice":      func(o *options) any { return o.bootDevice },
		"spiBoot":         func(o *options) any { return o.spiBoot },
		"emmcBoot":        func(o *options) any { return strings.Join(o.emmcBoot, " ") },
		"allowStandIn":    func(o *options) any { return o.allowStandIn },
		"extraKernelArgs": func(o *options) any { return o.extraKernelArgs },
		"dtb":             func(o *options) any { return append([]string{o.dtb}, o.dtbOverlays...) },
		"ethaddr":         func(o *options) any { return o.ethaddr.String() },
		"watchdog":        func(o *options) any { return o.watchdog },
	}

	for _, tc := range []struct {
		name   string
		values []any
		want   any
	}{
		{"console", []any{false, "false", "off", "Off", "no", "0", 0}, false},
		{"console", []any{true, "true", "on", "yes", "1", 1, nil}, true},
		{"earlycon", []any{true, "on"}, true},
		{"earlycon", []any{nil, "off"}, false},
		{"spiBoot", []any{true, "on"}, true},
		{"allowStandIn", []any{true, "true"}, true},
		{"emmcBoot", []any{nil, "off", false}, ""},
		{"emmcBoot", []any{"boot1"}, "boot1"},
		{"emmcBoot", []any{"both"}, "boot0 boot1"},
		{"bootDevice", []any{"emmc"}, "emmc"},
		{"bootDevice", []any{nil, "auto"}, "auto"},
		{"extraKernelArgs", []any{"a=1 b", []any{"a=1", "b"}, " a=1\n b "}, []string{"a=1", "b"}},
		{"dtb", []any{nil, "", boardDTB, []any{boardDTB}}, []string{boardDTB}},
		{"dtb", []any{"a.dtb,b.dtbo,c.dtbo", "a.dtb b.dtbo c.dtbo", []any{"a.dtb", "b.dtbo", "c.dtbo"}}, []string{"a.dtb", "b.dtbo", "c.dtbo"}},
		{"dtb", []any{"b.dtbo", []any{"b.dtbo"}}, []string{boardDTB, "b.dtbo"}},
		{"ethaddr", []any{"02:00:00:00:00:01", "02-00-00-00-00-01"}, "02:00:00:00:00:01"},
		{"ethaddr", []any{nil, "auto"}, ""},
		{"watchdog", []any{"3m", "180s", "180", 180}, 3 * time.Minute},
		{"watchdog", []any{nil, "off", false, 0, "false"}, time.Duration(0)},
	} {
		for _, value := range tc.values {
			o, err := parseOptions(map[string]any{tc.name: value})
			if err != nil {
				t.Errorf("%s: %#v: %v", tc.name, value, err)

				continue
			}

			if got := get[tc.name](o); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("%s: %#v gives %#v, not %#v", tc.name, value, got, tc.want)
			}
		}
	}

	for name := range optionsByName {
		if get[name] == nil {
			t.Errorf("option %s: got no test, want one", name)
		}
	}
}

func TestWrongValuesAreRefusedByName(t *testing.T) {
	for name, values := range map[string][]any{
		"console":         {"maybe", 2, 1.5, []any{}},
		"bootDevice":      {"usb", "SD", 1, true},
		"spiBoot":         {"both"},
		"emmcBoot":        {"on", true, "boot2", 1},
		"allowStandIn":    {"really"},
		"earlycon":        {map[string]any{}},
		"extraKernelArgs": {1, []any{1}, []any{"a b"}, []any{""}, "-console", "a\x00b"},
		"dtb":             {"../a.dtb", "/etc/passwd", "rockchip/a.dtb", "a.dts", "a.dtb b.dtb", ".dtb", 1, []any{"a.dtbo", 2}},
		"ethaddr":         {"random", "01:00:00:00:00:01", "00:00:00:00:00:00", "02:00:00:00:00:00:00:01", 123},
		"watchdog":        {"soon", "1ms", "1500ms", "48h", -1, 1 << 40, true, 1.5, "-3m"},
	} {
		for _, value := range values {
			if _, err := parseOptions(map[string]any{name: value}); err == nil || !strings.Contains(err.Error(), "overlay option "+name) {
				t.Errorf("%s: %#v: got %v, want %q", name, value, err, "overlay option "+name)
			}
		}
	}
}

func TestEveryWrongOptionIsNamedAtOnce(t *testing.T) {
	_, err := parseOptions(map[string]any{"console": "maybe", "consoel": true, "watchdog": "soon"})

	for _, want := range []string{`"maybe"`, `unknown overlay option "consoel"; valid are allowStandIn, bootDevice, console, dtb,`, `"soon"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
}

func TestKernelArgumentsFollowTheOptions(t *testing.T) {
	for _, tc := range []struct {
		extra map[string]any
		want  string
	}{
		{nil, "console=tty0 " + board.Console + " sysctl.kernel.kexec_load_disabled=1 talos.dashboard.disabled=1"},
		{map[string]any{"console": "off"}, "console=tty0 sysctl.kernel.kexec_load_disabled=1 talos.dashboard.disabled=1"},
		{
			map[string]any{"earlycon": true, "watchdog": "3m", "extraKernelArgs": "a.b=c"},
			"console=tty0 " + board.Console + " " + board.EarlyConsole + " sysctl.kernel.kexec_load_disabled=1 " +
				"talos.dashboard.disabled=1 watchdog.open_timeout=180 a.b=c",
		},
		{
			map[string]any{"extraKernelArgs": []any{"talos.dashboard.disabled=0", "console=ttyS9"}},
			"sysctl.kernel.kexec_load_disabled=1 talos.dashboard.disabled=0 console=ttyS9",
		},
	} {
		o, err := parseOptions(tc.extra)
		if err != nil {
			t.Fatal(err)
		}

		if got := strings.Join(o.kernelArgs(), " "); got != tc.want {
			t.Errorf("%v gives\n%s, not\n%s", tc.extra, got, tc.want)
		}
	}
}

func TestDocumentationHasEveryOptionAsItIs(t *testing.T) {
	text, err := os.ReadFile("../docs/installer.md")
	if err != nil {
		t.Fatal(err)
	}

	var rows []string

	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `") {
			rows = append(rows, strings.TrimSpace(line))
		}
	}

	for name, o := range optionsByName {
		if row := fmt.Sprintf("| `%s` | %s | %s | %s |", name, o.values, o.unset, o.purpose); !slices.Contains(rows, row) {
			t.Errorf("docs/installer.md: got no such row, want\n%s", row)
		}
	}
}
