// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/siderolabs/talos/pkg/machinery/overlay"

	"talos-nanopi-m6/internal/board"
)

// boardDTB is the name U-Boot asks the EFI partition for (CONFIG_DEFAULT_FDT_FILE without its folder), on V1 and where it
// does not know the board's id.
var boardDTB = board.DeviceTrees[0]

// options are the overlay's extra options, checked.
type options struct {
	console         bool
	earlycon        bool
	bootDevice      string
	spiBoot         bool
	emmcBoot        []string
	extraKernelArgs []string
	dtb             string
	dtbOverlays     []string
	ethaddr         net.HardwareAddr
	watchdog        time.Duration
	allowStandIn    bool
}

// option is one extra option: how its value is read, and how docs/installer.md describes it.
type option struct {
	values, unset, purpose string
	set                    func(*options, any) error
}

var optionsByName = map[string]option{
	"console": {
		"`on`, `off`", "`on`", fmt.Sprintf("kernel messages and login on the debug UART (`%s`, %d baud)", board.TTY, board.Baud),
		func(o *options, value any) (err error) { o.console, err = toBool(value); return },
	},
	"earlycon": {
		"`on`, `off`", "`off`", "kernel messages on the debug UART before its driver is up; hangs on any machine but the board",
		func(o *options, value any) (err error) { o.earlycon, err = toBool(value); return },
	},
	"bootDevice": {
		"`auto`, `sd`, `emmc`, `nvme`, `spi`", "`auto`", "what starts the board, hence whether the boot loader is written to this disk",
		func(o *options, value any) (err error) { o.bootDevice, err = toWord(value, bootDevices...); return },
	},
	"spiBoot": {
		"`on`, `off`", "`off`", "write the boot loader to the board's SPI NOR flash as well (on a node only)",
		func(o *options, value any) (err error) { o.spiBoot, err = toBool(value); return },
	},
	"emmcBoot": {
		"`off`, `boot0`, `boot1`, `both`", "`off`", "write the idblock to the eMMC's hardware boot partitions as well (on a node only)",
		func(o *options, value any) (err error) { o.emmcBoot, err = toBootPartitions(value); return },
	},
	"extraKernelArgs": {
		"arguments", "none", "kernel arguments to add; one with the name of a default argument takes its place",
		func(o *options, value any) (err error) { o.extraKernelArgs, err = toKernelArgs(value); return },
	},
	"dtb": {
		"file names", "the board's own", "device tree from `artifacts/arm64/dtb/rockchip` for V1 and V2 alike, then overlays (`.dtbo`) applied onto it in order",
		func(o *options, value any) error { return o.setDTB(value) },
	},
	"ethaddr": {
		"`auto`, a MAC address", "`auto`", "`auto`: U-Boot's, derived from the CPU's serial number; else fixed in the device tree",
		func(o *options, value any) (err error) { o.ethaddr, err = toMAC(value); return },
	},
	"watchdog": {
		"`off`, a time such as `3m`", "`off`", "reset the board when Talos has not taken over the watchdog within this time of the kernel's start",
		func(o *options, value any) (err error) { o.watchdog, err = toSeconds(value); return },
	},
	"allowStandIn": {
		"`on`, `off`", "`off`", "accept a boot loader without DDR blob, which cannot start the board; into image files only",
		func(o *options, value any) (err error) { o.allowStandIn, err = toBool(value); return },
	},
}

var bootDevices = []string{"auto", "sd", "emmc", "nvme", "spi"}

// parseOptions checks what the profile, the command line (`--overlay-option`: strings only) or a node's installer image
// gave. An unknown option is an error, since a misspelt one would be lost without a word.
func parseOptions(extra overlay.ExtraOptions) (*options, error) {
	o := &options{console: true, bootDevice: "auto", dtb: boardDTB}

	var errs []error

	for _, name := range slices.Sorted(maps.Keys(extra)) {
		known, ok := optionsByName[name]
		if !ok {
			errs = append(errs, fmt.Errorf("unknown overlay option %q; valid are %s", name,
				strings.Join(slices.Sorted(maps.Keys(optionsByName)), ", ")))

			continue
		}

		// `option:` without a value in YAML means its default.
		if extra[name] == nil {
			continue
		}

		if err := known.set(o, extra[name]); err != nil {
			errs = append(errs, fmt.Errorf("overlay option %s: %w", name, err))
		}
	}

	return o, errors.Join(errs...)
}

func toBool(value any) (bool, error) {
	switch v := value.(type) {
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(v) {
		case "on", "true", "yes", "1":
			return true, nil
		case "off", "false", "no", "0":
			return false, nil
		}
	case int:
		if v == 0 || v == 1 {
			return v == 1, nil
		}
	}

	return false, fmt.Errorf("%#v is neither on nor off", value)
}

func toWord(value any, words ...string) (string, error) {
	if word, ok := value.(string); ok && slices.Contains(words, word) {
		return word, nil
	}

	return "", fmt.Errorf("%#v is none of %s", value, strings.Join(words, ", "))
}

func toBootPartitions(value any) ([]string, error) {
	if off, err := toBool(value); err == nil && !off {
		return nil, nil
	}

	word, err := toWord(value, "boot0", "boot1", "both")

	switch {
	case err != nil:
		return nil, fmt.Errorf("%#v is none of off, boot0, boot1, both", value)
	case word == "both":
		return []string{"boot0", "boot1"}, nil
	default:
		return []string{word}, nil
	}
}

// toList takes a list of strings, or one string with the items between any of the runes that separator names.
func toList(value any, separator func(rune) bool) ([]string, error) {
	switch v := value.(type) {
	case string:
		return strings.FieldsFunc(v, separator), nil
	case []any:
		var items []string

		for _, item := range v {
			text, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("%#v in the list is not a string", item)
			}

			items = append(items, text)
		}

		return items, nil
	}

	return nil, fmt.Errorf("%#v is neither a string nor a list of strings", value)
}

func toKernelArgs(value any) ([]string, error) {
	var args []string

	if line, ok := value.(string); ok {
		args = splitArgs(line)
	} else {
		var err error
		if args, err = toList(value, nil); err != nil {
			return nil, err
		}
	}

	for _, arg := range args {
		// Talos joins the arguments with spaces into one line (go-procfs, Cmdline.SetAll), which the kernel parts again.
		parts := splitArgs(arg)
		if len(parts) != 1 || parts[0] != arg || strings.ContainsFunc(arg, unicode.IsControl) || strings.Count(arg, `"`)%2 != 0 {
			return nil, fmt.Errorf("%q is not one kernel argument: it is empty, has white space outside of quotation marks, or a quotation mark without a second", arg)
		}

		if strings.HasPrefix(arg, "-") {
			return nil, fmt.Errorf("%q: an overlay cannot take arguments away, the imager's --extra-kernel-arg can", arg)
		}
	}

	return args, nil
}

// splitArgs parts a line as the kernel does: at white space outside of quotation marks, which nothing escapes (lib/cmdline.c,
// next_arg).
func splitArgs(line string) []string {
	quoted := false

	return strings.FieldsFunc(line, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}

		return unicode.IsSpace(r) && !quoted
	})
}

func (o *options) setDTB(value any) error {
	names, err := toList(value, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	if err != nil {
		return err
	}

	base, overlays := boardDTB, []string(nil)

	for i, name := range names {
		switch {
		case name != path.Base(name) || strings.HasPrefix(name, "."):
			return fmt.Errorf("%q is not the name of a file in artifacts/arm64/dtb/rockchip", name)
		case strings.HasSuffix(name, ".dtbo"):
			overlays = append(overlays, name)
		case strings.HasSuffix(name, ".dtb") && i == 0:
			base = name
		case strings.HasSuffix(name, ".dtb"):
			return fmt.Errorf("%q: the device tree comes first, overlays (.dtbo) follow", name)
		default:
			return fmt.Errorf("%q is neither a device tree (.dtb) nor an overlay (.dtbo)", name)
		}
	}

	o.dtb, o.dtbOverlays = base, overlays

	return nil
}

func toMAC(value any) (net.HardwareAddr, error) {
	text, ok := value.(string)
	if !ok {
		return nil, fmt.Errorf("%#v is neither auto nor a MAC address; write it in quotes", value)
	}

	if text == "auto" {
		return nil, nil
	}

	mac, err := net.ParseMAC(text)

	switch {
	case err != nil || len(mac) != 6:
		return nil, fmt.Errorf("%q is neither auto nor a MAC address such as 02:00:00:00:00:01", text)
	case mac[0]&1 != 0:
		return nil, fmt.Errorf("%q is a group address; a network card's first byte is even", text)
	case mac.String() == "00:00:00:00:00:00":
		return nil, fmt.Errorf("%q is not a network card's address", text)
	}

	return mac, nil
}

// toSeconds takes `off`, a number of seconds, or a duration in Go's notation. The kernel counts whole seconds
// (drivers/watchdog/watchdog_dev.c, open_timeout: at most UINT_MAX milliseconds).
func toSeconds(value any) (time.Duration, error) {
	const longest = 24 * time.Hour

	var d time.Duration

	switch v := value.(type) {
	case bool:
		if v {
			return 0, errors.New("give the time in which Talos has to take over, such as 3m")
		}

		return 0, nil
	case int:
		if v < 0 || v > int(longest/time.Second) {
			return 0, fmt.Errorf("%d s is not between 1 s and %s", v, longest)
		}

		d = time.Duration(v) * time.Second
	case string:
		if v == "off" || v == "false" {
			return 0, nil
		}

		var err error

		if seconds, atoiErr := strconv.Atoi(v); atoiErr == nil {
			return toSeconds(seconds)
		}

		if d, err = time.ParseDuration(v); err != nil {
			return 0, fmt.Errorf("%q is neither off nor a time such as 3m or 180s", v)
		}

		if d < time.Second || d > longest || d%time.Second != 0 {
			return 0, fmt.Errorf("%q is not a whole number of seconds between 1s and %s", v, longest)
		}
	default:
		return 0, fmt.Errorf("%#v is neither off nor a time such as 3m or 180s", value)
	}

	return d, nil
}
