// SPDX-License-Identifier: MPL-2.0

//go:build qemu

package board_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"talos-nanopi-m6/internal/fixture/machine"
	"talos-nanopi-m6/internal/qemu"
)

// linux is a board that runs the image's kernel, with a shell for its first program (nix/tests/board-linux/init): Ask gives
// what a command of it says.
func linux(t *testing.T, properties string, args ...string) model {
	t.Helper()

	image, err := qemu.PrepareBoard(t.Context(), machine.Input(t, "BOARD_IMAGE"), t.TempDir(), qemu.SD)
	if err != nil {
		t.Fatal(err)
	}

	m := model{machine.Start(t, machine.Input(t, "BOARD_QEMU"), append([]string{
		"-M", "nanopi-m6" + properties, "-m", "4G", "-icount", "shift=1,sleep=off", "-display", "none", "-monitor", "none",
		"-serial", "stdio", "-d", "trace:nanopi_m6_led",
		"-drive", "if=sd,index=0,format=raw,snapshot=on,file=" + image.Path,
	}, args...)...), t}
	m.shell()

	return m
}

// shell waits for the shell.
func (m model) shell() {
	m.t.Helper()
	m.Until("modules, round 3: ")
	m.Until("\n=> ")
}

// says gives what the command says, without the command and white space around it. The prompt wants a line of its own.
func (m model) says(command string) string {
	m.t.Helper()

	_, said, _ := strings.Cut(m.Ask(command+"; echo"), "\n")

	return strings.TrimSpace(said)
}

// want compares what a command says with what it should.
func (m model) want(command, want string) {
	m.t.Helper()

	if got := m.says(command); got != want {
		m.t.Errorf("%s: got %q, want %q", command, got, want)
	}
}

// equipped are media in every place that takes one, beside the card that is started from.
func equipped(t *testing.T) []string {
	t.Helper()

	args := []string{"-nic", "user"}
	for _, kind := range []mediumKind{emmc, nvme, usb3, usb2} {
		args = append(args, kind.drive(kind.blank(t))...)
	}

	return args
}

func TestLinuxDrivesEveryDeviceOfTheTree(t *testing.T) {
	t.Parallel()

	board := linux(t, "", equipped(t)...)

	board.want("cat /sys/devices/system/cpu/online", "0-7")
	board.want("cat /sys/kernel/debug/devices_deferred", "")
	board.want("tr -d '\\0' </proc/device-tree/model", "FriendlyElec NanoPi M6")

	// Devices that the tree describes and no driver has taken, by what they are compatible with.
	unbound := board.says(`for d in /sys/bus/*/devices/*; do [ -e $d/driver ] || [ ! -e $d/of_node/compatible ] || ` +
		`echo "$(basename $(readlink $d/of_node)) $(tr '\0' ' ' <$d/of_node/compatible)"; done | sort -u`)
	for _, device := range strings.Split(unbound, "\n") {
		if device = strings.TrimSpace(device); device != "" && !expected(device, driverless) {
			t.Errorf("got no driver for %s, want one, or its reason in `driverless`", device)
		}
	}

	for _, line := range strings.Split(board.says("dmesg -r | grep -E '^<[0-3]>'"), "\n") {
		if line = strings.TrimSpace(line); line != "" && !expected(line, complaints) {
			t.Errorf("got the kernel's complaint %q, want none, or its reason in `complaints`", line)
		}
	}
}

// allowance is what a test lets pass, and why.
type allowance struct{ pattern, reason string }

// expected says whether the list lets a text pass; one without a reason lets nothing pass.
func expected(text string, list []allowance) bool {
	return slices.ContainsFunc(list, func(a allowance) bool { return a.reason != "" && regexp.MustCompile(a.pattern).MatchString(text) })
}

// driverless are devices that have no driver of their own.
var driverless = []allowance{}

// complaints are lines of the kernel's log at the levels of errors and above.
var complaints = []allowance{}

func TestLinuxScalesTheCoresFrequency(t *testing.T) {
	t.Parallel()

	board := linux(t, "")

	for _, policy := range []string{"policy0", "policy4", "policy6"} {
		dir := "/sys/devices/system/cpu/cpufreq/" + policy
		board.want("cat "+dir+"/scaling_governor", "schedutil")

		highest := board.says("cat " + dir + "/cpuinfo_max_freq")
		board.says("echo performance >" + dir + "/scaling_governor")
		board.want("cat "+dir+"/scaling_cur_freq", highest)

		lowest := board.says("cat " + dir + "/cpuinfo_min_freq")
		board.says("echo powersave >" + dir + "/scaling_governor")
		board.want("cat "+dir+"/scaling_cur_freq", lowest)
	}
}

func TestLinuxReadsEveryMedium(t *testing.T) {
	t.Parallel()

	board := linux(t, "", equipped(t)...)

	for block, size := range map[string]int64{"mmcblk0": emmc.size, "mmcblk1": sd.size, "nvme0n1": nvme.size, "sda": usb2.size, "sdb": usb2.size} {
		board.want(fmt.Sprintf("cat /sys/block/%s/size", block), strconv.FormatInt(size/512, 10))
		board.want(fmt.Sprintf("dd if=/dev/%s of=/dev/null bs=1M count=8 2>/dev/null && echo read", block), "read")
	}

	for block, timing := range map[string]string{"mmc0": "mmc HS200", "mmc1": "sd high-speed"} {
		if got := board.says("grep 'timing spec' /sys/kernel/debug/" + block + "/ios"); !strings.Contains(got, timing) {
			t.Errorf("%s: got %s, want %s", block, got, timing)
		}
	}
}

func TestLinuxSpeaksToTheNetworkWithEitherBoardsPHY(t *testing.T) {
	for board, driver := range map[string]string{"v1": "RTL8211F Gigabit Ethernet", "v2": "Motorcomm YT8531 Gigabit Ethernet"} {
		t.Run(board, func(t *testing.T) {
			t.Parallel()

			m := linux(t, ",board="+board, "-nic", "user")
			m.says("ip link set end0 up; sleep 6")
			m.want("basename $(readlink /sys/class/net/end0/phydev/driver)", driver)
			m.want("cat /sys/class/net/end0/address", eepromMAC)
			m.want("cat /sys/class/net/end0/carrier", "1")
			m.want("udhcpc -q -n -i end0 -s /bin/true 2>&1 | grep -o 'lease of 10.0.2.15'", "lease of 10.0.2.15")
		})
	}
}

func TestLinuxStartsTheFanWhenTheSoCIsHot(t *testing.T) {
	for temperature, turns := range map[string]bool{"30": false, "80": true} {
		t.Run(temperature+" °C", func(t *testing.T) {
			t.Parallel()

			board := linux(t, ",temperature="+temperature)

			state := board.says(`for c in /sys/class/thermal/cooling_device*; do grep -q fan $c/type && cat $c/cur_state; done`)
			if got, err := strconv.Atoi(state); err != nil || got > 0 != turns {
				t.Errorf("got the fan's state %q, want it turning: %v", state, turns)
			}
		})
	}
}

func TestLinuxReadsClockAndEEPROMAndRandomNumbers(t *testing.T) {
	t.Parallel()

	board := linux(t, "")
	board.want("cat /sys/class/rtc/rtc0/name | cut -d' ' -f1", "rtc-hym8563")
	board.want("hwclock -r -f /dev/rtc0 >/dev/null && echo read", "read")
	board.want("head -c 16 /dev/hwrng | wc -c", "16")
	board.want("wc -c </sys/bus/i2c/drivers/at24/*/eeprom", "256")
}

func TestLinuxRestartsAndPowersOff(t *testing.T) {
	t.Parallel()

	board := linux(t, "")
	board.Type("reboot -f\r")
	board.Until("mask ROM: starts from the SD card")
	board.shell()
	board.Type("poweroff -f\r")

	if got := board.Status(); got != 0 {
		t.Errorf("got QEMU's status %d, want 0: the PMIC switched off", got)
	}
}

func TestLinuxThatHangsIsResetByTheWatchdog(t *testing.T) {
	t.Parallel()

	board := linux(t, "")
	// Somebody has it, as Talos does where the machine configuration says so; then nothing runs any more.
	board.says("watchdog -t 5 -T 20 /dev/watchdog0")
	board.Type("echo 0 >/proc/sys/kernel/panic; echo c >/proc/sysrq-trigger\r")
	board.Until("watchdog expired: reset")
	board.Until("mask ROM: starts from the SD card")
}
