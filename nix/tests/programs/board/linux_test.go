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

// linux is a board that runs the kernel of the image that the variable names, with a shell for its first program
// (nix/tests/board-linux/init): Ask gives what a command of it says.
func linux(t *testing.T, variable, properties string, args ...string) model {
	t.Helper()

	m := withImage(t, variable, properties, args...)
	m.shell()

	return m
}

// withImage is a board that is switched on with the image on its card.
func withImage(t *testing.T, variable, properties string, args ...string) model {
	t.Helper()

	image, err := qemu.Options{Image: machine.Input(t, variable), Board: true}.Prepare(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}

	return model{machine.Start(t, machine.Input(t, "BOARD_QEMU"), append([]string{
		"-M", "nanopi-m6" + properties, "-m", "4G", "-icount", "shift=1,sleep=off", "-display", "none", "-monitor", "none",
		"-serial", "stdio",
		"-drive", "if=sd,index=0,format=raw,snapshot=on,file=" + image.Path,
	}, args...)...), t}
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

// equipped are media beside the card that is started from.
func equipped(t *testing.T) []string {
	t.Helper()

	args := []string{"-nic", "user"}
	for _, kind := range []mediumKind{emmc, nvme, ekey, usb2, usb3} {
		args = append(args, kind.drive(kind.blank(t))...)
	}

	return args
}

// allowance is what a test lets pass, and why.
type allowance struct{ pattern, reason string }

func expected(text string, list []allowance) bool {
	return slices.ContainsFunc(list, func(a allowance) bool { return regexp.MustCompile(a.pattern).MatchString(text) })
}

// driverless are devices of the tree that no driver takes, with what they are compatible with.
var driverless = []allowance{
	{`\bsyscon\b`, "registers that other drivers use"},
	{`^cpu@`, "the kernel itself"},
	{`^l3-cache `, "described, not driven"},
	{`^timer(@feae0000)? `, "taken before there are drivers"},
	{`^optee `, "there is no OP-TEE, and BL31 says so"},
	{`^video-codec@fdba[48c]000 `, "three of the four JPEG encoders, of which Linux uses one"},
}

// complaints are lines of the kernel's log at the levels of errors and above.
var complaints = []allowance{
	{`sdhci-dwcmshc fe2e0000.mmc: Can't reduce the clock below 52MHz`, "the MMC core asks while it changes to HS200; the driver waits"},
	{`rk_gmac-dwmac fe1c0000.ethernet: (Can not read property: rx_delay|set rx_delay to 0x10)`, "the PHY delays what is received (rgmii-rxid)"},
	{`kernel.kexec_load_disabled=1`, "the overlay turns kexec off for kernels that have it"},
}

func TestLinuxDrivesTheBoard(t *testing.T) {
	t.Parallel()

	const hot = 80 // degrees Celsius

	// The card is one that a kernel would switch to 1.8 V, as most are, and a warm reset then leave there.
	board := linux(t, "BOARD_IMAGE", fmt.Sprintf(",uhs=on,temperature=%d", hot), equipped(t)...)

	board.want("cat /sys/devices/system/cpu/online", "0-7")
	board.want("tr -d '\\0' </proc/device-tree/model", "FriendlyElec NanoPi M6")
	// The last 256 MiB of four are above 4 GiB, in a zone of their own, from which the kernel takes first.
	board.want("grep -c '^100000000-.*System RAM' /proc/iomem", "1")
	board.want("awk '/zone/ {z = $4 == \"Normal\"} z && $1 == \"present\" {p=$2} z && $2 == \"free\" {f=$3} END {print (p-f > 16384)}' /proc/zoneinfo", "1")

	for _, finding := range board.findings() {
		t.Error(finding)
	}

	board.scalesItsCores()
	board.readsItsMedia()
	board.speaksToTheNetwork(phyV1)
	board.want("cat /sys/class/rtc/rtc0/name | cut -d' ' -f1", "rtc-hym8563")
	board.want("hwclock -r -f /dev/rtc0 >/dev/null && echo read", "read")
	board.want("cat /sys/bus/nvmem/devices/6-0053*/nvmem | wc -c", "256")

	// The fan turns: this SoC is hot.
	if got := board.fan(); got == 0 {
		t.Errorf("got the fan standing still at %d °C, want it turning", hot)
	}

	board.Type("reboot -f\r")
	board.Until("mask ROM: starts from the SD card")
	board.shell()
	board.Type("poweroff -f\r")

	if got := board.Status(); got != 0 {
		t.Errorf("got QEMU's status %d, want 0: the PMIC switched off", got)
	}
}

// findings are devices that wait or that no driver takes, and the kernel's complaints, each but for what is allowed.
func (m model) findings() (list []string) {
	m.t.Helper()

	if deferred := m.says("cat /sys/kernel/debug/devices_deferred"); deferred != "" {
		list = append(list, fmt.Sprintf("got devices that wait:\n%s\nwant none", deferred))
	}

	unbound := m.says(`for d in /sys/bus/platform/devices/* /sys/bus/i2c/devices/* /sys/bus/spi/devices/* /sys/bus/mdio_bus/devices/*; do ` +
		`[ -e "$d/driver" ] || [ ! -e "$d/modalias" ] || [ ! -e "$d/of_node/compatible" ] || ` +
		`echo "$(basename "$(readlink "$d/of_node")") $(tr '\0' ' ' <"$d/of_node/compatible")"; done | sort -u`)
	for _, device := range strings.Split(unbound, "\n") {
		if device = strings.TrimSpace(device); device != "" && !expected(device, driverless) {
			list = append(list, fmt.Sprintf("got no driver for %s, want one, or its reason in `driverless`", device))
		}
	}

	for _, line := range strings.Split(m.says("dmesg -r | grep -E '^<[0-3]>'"), "\n") {
		if line = strings.TrimSpace(line); line != "" && !expected(line, complaints) {
			list = append(list, fmt.Sprintf("got the kernel's complaint %q, want none, or its reason in `complaints`", line))
		}
	}

	return list
}

func TestLinuxOnV2(t *testing.T) {
	t.Parallel()

	around := newQMP(t)
	board := linux(t, "BOARD_IMAGE", ",board=v2,temperature=30", append(around.option(), "-nic", "user", "-d", "trace:rk3588_pwm")...)
	board.want("tr -d '\\0' </proc/device-tree/model", "FriendlyElec NanoPi M6 V2")
	board.want("cat /sys/kernel/debug/devices_deferred", "")
	board.speaksToTheNetwork(phyV2)

	if got := board.fan(); got != 0 {
		t.Errorf("got the fan's state %d at 30 °C, want 0", got)
	}

	if got := board.throttled(); got != 0 {
		t.Errorf("got the cores throttled by %d at 30 °C, want not at all", got)
	}

	// The SoC warms up while Linux runs, over the fan's trips and over that of the cores, and cools down again.
	around.set(t, "temperature", 90)
	board.Until(fanOutput + "[1-9]")
	board.says("until [ $(" + throttling + ") -gt 0 ]; do sleep 1; done")
	around.set(t, "temperature", 30)
	board.Until(fanOutput + "0 of")
	board.says("until [ $(" + throttling + ") = 0 ]; do sleep 1; done")

	// Somebody serves the watchdog, as Talos does where the machine configuration says so, and then the kernel hangs: it panics and is
	// not to restart. That spins on every core, which takes the model a minute of a host's for each second.
	board.says("echo 0 >/proc/sys/kernel/panic; watchdog -t 1 -T 3 /dev/watchdog0")
	board.Type("exit\r")
	board.Until("Kernel panic - not syncing")
	board.Until("watchdog expired: reset")
	board.Until("mask ROM: starts from the SD card")
}

// With the overlay for a faster card the mask ROM has nothing to read after a warm reset (docs/board.md, "The card's voltage").
func TestLinuxSwitchesTheCardTo1800mVWithTheOverlay(t *testing.T) {
	t.Parallel()

	board := linux(t, "BOARD_IMAGE_UHS", ",uhs=on", "-d",
		"trace:rk3588_card_io_voltage,trace:rk3588_card_low_voltage,trace:rk3588_card_mode")

	if !regexp.MustCompile(`(?s)SD I/O 1800 mV.*SD signals at 1.8 V`).MatchString(board.Said()) {
		t.Error("got no 1.8 V at the card's I/O and then at the card, want both")
	}

	board.runsAt(sdSpeeds[len(sdSpeeds)-1], board.Said())
	board.readsAtEverySpeed()
	board.Type("reboot -f\r")
	board.Until("mask ROM: no loader on any medium")
}

// sdSpeed is a speed of a card, what the kernel calls it, clock and voltage of the signals, and the bits of the host's capabilities
// that allow it: what the kernel makes of the tree's cap-sd-highspeed and sd-uhs-* (mmc_of_parse).
type sdSpeed struct {
	card, kernel string
	hertz        int
	voltage      string
	capabilities uint64
}

const (
	highSpeed = 1 << 2
	sdr12     = 1 << 16
	sdr25     = 1 << 17
	sdr50     = 1 << 18
	sdr104    = 1 << 19
	ddr50     = 1 << 20
)

// sdSpeeds are all that a tree may allow. The model's card says nothing of the first: it is the one after power-on.
var sdSpeeds = []sdSpeed{
	{"", "legacy", 25e6, "3.30 V", 0},
	{"high speed", "sd high-speed", 50e6, "3.30 V", highSpeed},
	{"SDR12", "sd uhs SDR12", 25e6, "1.80 V", highSpeed | sdr12},
	{"SDR25", "sd uhs SDR25", 50e6, "1.80 V", highSpeed | sdr25},
	{"SDR50", "sd uhs SDR50", 100e6, "1.80 V", highSpeed | sdr50},
	{"DDR50", "sd uhs DDR50", 50e6, "1.80 V", highSpeed | ddr50},
	{"SDR104", "sd uhs SDR104", 150e6, "1.80 V", highSpeed | sdr104},
}

// readsAtEverySpeed has the kernel begin with the card anew at each speed, as after a suspend, with the capabilities changed where
// the tree would set them.
func (m model) readsAtEverySpeed() {
	m.t.Helper()

	const (
		host         = "/sys/kernel/debug/mmc1/caps"
		power        = "/sys/bus/mmc/devices/mmc1:4567/power/"
		aggressivePM = 1 << 7 // the card's power is cut when nobody uses it
		speeds       = highSpeed | sdr12 | sdr25 | sdr50 | sdr104 | ddr50
	)

	said := m.says("cat " + host)

	capabilities, err := strconv.ParseUint(said, 0, 32)
	if err != nil {
		m.t.Fatalf("got %q for the host's capabilities, want a number", said)
	}

	m.says("echo on >" + power + "control; echo 0 >" + power + "autosuspend_delay_ms")

	content := map[string]string{}

	for _, speed := range sdSpeeds {
		m.says(fmt.Sprintf("echo %#x >%s", capabilities&^speeds|aggressivePM|speed.capabilities, host))
		m.says("echo auto >" + power + "control; until [ $(cat " + power + "runtime_status) = suspended ]; do sleep 1; done")

		off := len(m.Said())

		m.says("echo on >" + power + "control; until [ $(cat " + power + "runtime_status) = active ]; do sleep 1; done")
		m.runsAt(speed, m.Said()[off:])

		// The loader and what is behind it, which nothing changes here.
		m.says("echo 3 >/proc/sys/vm/drop_caches")
		content[m.says("dd if=/dev/mmcblk1 bs=1M skip=1 count=8 2>/dev/null | sha256sum")] += speed.kernel + "; "
	}

	if len(content) != 1 {
		m.t.Errorf("got different content at different speeds, %v, want the same", content)
	}

	m.want("dmesg -r | grep -E '^<[0-4]>.*mmc1'", "")
}

// runsAt wants kernel and card to agree on the card's speed. said is what was said since the card had no power.
func (m model) runsAt(speed sdSpeed, said string) {
	m.t.Helper()

	ios := m.says("cat /sys/kernel/debug/mmc1/ios")
	for _, want := range []string{
		fmt.Sprintf(`\nclock:\s+%d Hz`, speed.hertz), `\(4 bits\)`, `\(` + speed.kernel + `\)`, `\(` + speed.voltage + `\)`,
	} {
		if !regexp.MustCompile(want).MatchString("\n" + ios) {
			m.t.Errorf("%s: got the host's\n%s\nwant %q in it", speed.kernel, ios, want)
		}
	}

	got := ""
	for _, mode := range cardMode.FindAllStringSubmatch(said, -1) {
		got = mode[1]
	}

	if got != speed.card {
		m.t.Errorf("%s: got the card switched to %q, want %q", speed.kernel, got, speed.card)
	}
}

// cardMode is how the model tells what an SD card is switched to.
var cardMode = regexp.MustCompile(`rk3588_card_mode SD card at (.*)\n`)

func (m model) scalesItsCores() {
	m.t.Helper()

	for _, policy := range []string{"policy0", "policy4", "policy6"} {
		dir := "/sys/devices/system/cpu/cpufreq/" + policy
		m.want("cat "+dir+"/scaling_governor", "schedutil")

		for governor, limit := range map[string]string{"performance": "max", "powersave": "min"} {
			want := m.says("cat " + dir + "/cpuinfo_" + limit + "_freq")
			m.says("echo " + governor + " >" + dir + "/scaling_governor")
			m.want("cat "+dir+"/scaling_cur_freq", want)
		}
	}
}

func (m model) readsItsMedia() {
	m.t.Helper()

	for controller, medium := range map[string]mediumKind{
		"fe2e0000.mmc": emmc, "fe2c0000.mmc": sd, "a41000000.pcie": nvme, "a40c00000.pcie": ekey, "fc800000.usb": usb2, "fc000000.usb": usb3,
	} {
		block := m.says(`for b in /sys/block/*; do case $(readlink -f $b) in */` + controller + `/*) basename $b; break;; esac; done`)
		if block == "" {
			m.t.Errorf("%s: got no disk behind %s, want one", medium.name, controller)

			continue
		}

		m.want(fmt.Sprintf("cat /sys/block/%s/size", block), strconv.FormatInt(medium.size/512, 10))
		m.want(fmt.Sprintf("dd if=/dev/%s of=/dev/null bs=1M count=8 2>/dev/null && echo read", block), "read")
	}

	for host, timing := range map[string]string{"mmc0": "mmc HS200", "mmc1": "sd high-speed"} {
		if got := m.says("grep 'timing spec' /sys/kernel/debug/" + host + "/ios"); !strings.Contains(got, timing) {
			m.t.Errorf("%s: got %s, want %s", host, got, timing)
		}
	}
}

// linkUp has the link come up; phyDriver then gives the name of the PHY's driver.
const linkUp = "ip link set eth0 up; sleep 6"

const phyDriver = `basename "$(readlink /sys/class/net/eth0/phydev/driver)"`

// The drivers of V1's PHY and of V2's.
const (
	phyV1 = "RTL8211F Gigabit Ethernet"
	phyV2 = "YT8531 Gigabit Ethernet"
)

func (m model) speaksToTheNetwork(phy string) {
	m.t.Helper()
	m.says(linkUp)
	m.want(phyDriver, phy)
	m.want("cat /sys/class/net/eth0/address", eepromMAC)
	m.want("cat /sys/class/net/eth0/carrier", "1")
	m.want("udhcpc -q -n -i eth0 -s /bin/true 2>&1 | grep -o 'lease of 10.0.2.15'", "lease of 10.0.2.15")
}

// fanState is what the thermal framework gave the fan.
const fanState = `for c in /sys/class/thermal/cooling_device*; do grep -q fan $c/type && cat $c/cur_state; done`

// fanOutput is how the model tells what drives the fan, before the promille.
const fanOutput = `rk3588_pwm channel 1 on for `

// throttling adds up what the thermal framework takes from the cores.
const throttling = `n=0; for c in /sys/class/thermal/cooling_device*; do grep -q cpufreq $c/type && n=$((n+$(cat $c/cur_state))); done; echo $n`

func (m model) fan() int {
	m.t.Helper()

	return m.number(fanState)
}

func (m model) throttled() int {
	m.t.Helper()

	return m.number(throttling)
}

// number gives what a command says that says a number.
func (m model) number(command string) int {
	m.t.Helper()

	said := m.says(command)

	n, err := strconv.Atoi(said)
	if err != nil {
		m.t.Errorf("%s: got %q, want a number", command, said)
	}

	return n
}
