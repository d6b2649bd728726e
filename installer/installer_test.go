// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/siderolabs/go-blockdevice/v2/partitioning/gpt"
	"github.com/siderolabs/talos/pkg/machinery/overlay"
	"github.com/u-root/u-root/pkg/dt"
	"go.yaml.in/yaml/v4"

	"talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/fdt"
	"talos-nanopi-m6/internal/fixture/loopdevice"
	"talos-nanopi-m6/internal/fixture/rockchiploader"
	"talos-nanopi-m6/internal/medium"
	"talos-nanopi-m6/internal/rockchip"
)

// TestMain lets the test's own binary stand for the installer's.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_AS_INSTALLER") != "" {
		main()
		os.Exit(0)
	}

	os.Exit(m.Run())
}

// run calls the installer as Talos does.
func run(t *testing.T, command, input string) (stdout, stderr string, err error) {
	t.Helper()

	var out, errOut bytes.Buffer

	cmd := exec.Command(os.Args[0], command)
	cmd.Env = append(os.Environ(), "RUN_AS_INSTALLER=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errOut
	err = cmd.Run()

	return out.String(), errOut.String(), err
}

// node is what an installation needs.
type node struct{ disk, mount, artifacts string }

func newNode(t *testing.T, spec rockchiploader.Spec, diskSize int64) node {
	t.Helper()

	n := node{loopdevice.File(t, diskSize), t.TempDir(), t.TempDir()}
	if err := rockchiploader.Artifacts(n.artifacts, spec); err != nil {
		t.Fatal(err)
	}

	return n
}

func (n node) install(t *testing.T, extra map[string]any) (string, error) {
	t.Helper()

	input, err := yaml.Marshal(overlay.InstallOptions[overlay.ExtraOptions]{
		InstallDisk: n.disk, MountPrefix: n.mount, ArtifactsPath: n.artifacts, ExtraOptions: extra,
	})
	if err != nil {
		t.Fatal(err)
	}

	_, stderr, err := run(t, "install", string(input))
	if err != nil {
		err = fmt.Errorf("%w: %s", err, stderr)
	}

	return stderr, err
}

func (n node) mustInstall(t *testing.T, extra map[string]any) string {
	t.Helper()

	log, err := n.install(t, extra)
	if err != nil {
		t.Fatal(err)
	}

	return log
}

func read(t *testing.T, name string) []byte {
	t.Helper()

	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}

	return data
}

const imageSize = 32 << 20

var standIn = func() rockchiploader.Spec {
	spec := rockchiploader.Small
	spec.StandIn = true

	return spec
}()

func TestImageHoldsUBootsFileAsItIsAndTheDeviceTree(t *testing.T) {
	n := newNode(t, rockchiploader.Real, imageSize)
	log := n.mustInstall(t, nil)

	loader := read(t, filepath.Join(n.artifacts, "arm64/u-boot", board.Name, board.MMC.File))
	image := read(t, n.disk)

	if !bytes.Equal(image[32<<10:][:len(loader)], loader) {
		t.Errorf("32 KiB: got %x…, want the boot loader, %x…", image[32<<10:][:8], loader[:8])
	}

	if rest := slices.Concat(image[:32<<10], image[32<<10+len(loader):]); bytes.ContainsFunc(rest, func(r rune) bool { return r != 0 }) {
		t.Error("got more than the loader in the image, want zeros beside it")
	}

	if tree := read(t, filepath.Join(n.mount, "boot/EFI", board.DeviceTree)); !bytes.Equal(tree, rockchiploader.DeviceTree()) {
		t.Errorf("device tree: got another one of %d bytes, want the overlay's", len(tree))
	}

	for _, want := range []string{"u-boot-rockchip.bin at byte 32768", fmt.Sprintf("%d bytes written, sha256", len(loader)), "device tree"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q: %s", want, log)
		}
	}
}

func TestSecondInstallationWritesNothing(t *testing.T) {
	n := newNode(t, rockchiploader.Small, imageSize)
	n.mustInstall(t, nil)

	// The loader and every tree of the board.
	want := 1 + len(board.DeviceTrees)

	log := n.mustInstall(t, nil)
	if got := strings.Count(log, "unchanged"); strings.Contains(log, "written") || got != want {
		t.Errorf("got %d parts unchanged, want %d and none written: %s", got, want, log)
	}
}

func TestStandInGoesIntoImagesOnlyAndOnlyWhenAskedFor(t *testing.T) {
	n := newNode(t, standIn, imageSize)

	if _, err := n.install(t, nil); err == nil || !strings.Contains(err.Error(), rockchip.ErrStandIn.Error()) {
		t.Errorf("not asked for: got %v, want %q", err, rockchip.ErrStandIn.Error())
	}

	if content := read(t, n.disk); bytes.ContainsFunc(content, func(r rune) bool { return r != 0 }) {
		t.Errorf("got %d bytes that are not blank, want none written", len(content))
	}

	n.mustInstall(t, map[string]any{"allowStandIn": true})

	if loop, ok := loopdevice.Attach(t, loopdevice.File(t, imageSize), 512, false); ok {
		n.disk = loop

		if _, err := n.install(t, map[string]any{"allowStandIn": true}); err == nil || !strings.Contains(err.Error(), "never written to a device") {
			t.Errorf("block device: got %v, want %q", err, "never written to a device")
		}
	}
}

// partition makes Talos' partitions.
func partition(t *testing.T, file string, skip uint) {
	t.Helper()

	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}

	defer f.Close() // the table is synced

	device, err := gpt.DeviceFromFile(f)
	if err != nil {
		t.Fatal(err)
	}

	table, err := gpt.New(device, gpt.WithSkipLBAs(skip))
	if err != nil {
		t.Fatal(err)
	}

	if _, _, err := table.AllocatePartition(8<<20, "EFI", uuid.MustParse("C12A7328-F81F-11D2-BA4B-00A0C93EC93B")); err != nil {
		t.Fatal(err)
	}

	if err := table.Write(); err != nil {
		t.Fatal(err)
	}
}

// An upgrade on a block device where the machine has one for the test, on an image with a partition table where not.
func TestUpgradeReplacesTheLoaderAndKeepsThePartitions(t *testing.T) {
	n := newNode(t, rockchiploader.Small, imageSize)
	n.mustInstall(t, nil)
	partition(t, n.disk, uint(board.LoaderRoom/rockchip.SectorSize))

	table := read(t, n.disk)[10<<20:]
	file := n.disk

	if loop, ok := loopdevice.Attach(t, file, 512, false); ok {
		n.disk = loop
	}

	if err := rockchiploader.Artifacts(n.artifacts, rockchiploader.Small.With(2)); err != nil {
		t.Fatal(err)
	}

	log := n.mustInstall(t, nil)
	after := read(t, file)

	if !bytes.Equal(after[10<<20:], table) {
		t.Error("got other partitions, want them as they were")
	}

	want, err := rockchip.ParseLoader(rockchiploader.Small.With(2).Image(rockchip.MMC), rockchip.MMC)
	if err != nil {
		t.Fatal(err)
	}

	if !bytes.Equal(after[rockchip.MMC.IDBlock:][:len(want.IDBlock)], want.IDBlock) || !bytes.Equal(after[rockchip.MMC.FIT:][:len(want.FIT)], want.FIT) {
		t.Errorf("got idblock %x…, want the new loader, %x…", after[rockchip.MMC.IDBlock:][:8], want.IDBlock[:8])
	}

	if n.disk != file && !strings.Contains(log, "second idblock at byte 557056") {
		t.Errorf("got %s, want a second copy of the idblock at byte 557056", log)
	}

	if again := n.mustInstall(t, nil); strings.Contains(again, "written,") {
		t.Errorf("got %s, want nothing written again", again)
	}
}

func TestPartitionInTheWayStopsTheInstallation(t *testing.T) {
	n := newNode(t, rockchiploader.Small, imageSize)
	partition(t, n.disk, 0)

	before := read(t, n.disk)

	if _, err := n.install(t, nil); err == nil || !strings.Contains(err.Error(), "partition 1 (EFI)") {
		t.Errorf("got %v, want %q", err, "partition 1 (EFI)")
	}

	if !bytes.Equal(read(t, n.disk), before) {
		t.Error("got a disk that changed, want it as it was")
	}
}

// Talos' mode of installation decides what a disk is for; the loader goes where the mask ROM looks.
func TestBootDeviceDecidesWhetherTheLoaderIsWritten(t *testing.T) {
	for bootDevice, want := range map[string]bool{"auto": true, "sd": true, "emmc": true, "nvme": false, "spi": false} {
		n := newNode(t, rockchiploader.Small, imageSize)
		log := n.mustInstall(t, map[string]any{"bootDevice": bootDevice})

		if got := string(read(t, n.disk)[32<<10:][:4]) == "RKNS"; got != want {
			t.Errorf("%s: loader written: got %v, want %v", bootDevice, got, want)
		}

		if !want && !strings.Contains(log, "boot loader not written to "+n.disk) {
			t.Errorf("%s: got %s, want why the loader was not written", bootDevice, log)
		}

		// The device trees go to the EFI partition in any case.
		for _, name := range board.DeviceTrees {
			read(t, filepath.Join(n.mount, "boot/EFI/dtb/rockchip", name))
		}
	}

	for kind, written := range map[string]string{
		"SD card": "auto sd", "eMMC": "auto emmc", "loop device": "auto sd emmc", "image file": "auto sd emmc", "NVMe disk": "", "disk": "",
	} {
		for _, bootDevice := range bootDevices {
			o := &options{bootDevice: bootDevice}
			if got, want := o.leavesOut(medium.Kind(kind)) == "", slices.Contains(strings.Fields(written), bootDevice); got != want {
				t.Errorf("%s on an %s: written: got %v, want %v", bootDevice, kind, got, want)
			}
		}
	}
}

func TestWhatIsWrongIsSaidBeforeAnythingIsWritten(t *testing.T) {
	for name, tc := range map[string]struct {
		breakIt func(t *testing.T, n *node)
		extra   map[string]any
		want    string
	}{
		"no artifacts":     {func(_ *testing.T, n *node) { n.artifacts = "/nonexistent" }, nil, "no " + boardDTB},
		"no disk":          {func(_ *testing.T, n *node) { n.disk = "/nonexistent" }, nil, "install disk: lstat /nonexistent"},
		"a folder as disk": {func(_ *testing.T, n *node) { n.disk = n.mount }, nil, "neither a block device nor an image file"},
		"a small disk":     {func(t *testing.T, n *node) { n.disk = loopdevice.File(t, 8<<20) }, nil, "has 8388608 bytes"},
		"another loader": {func(t *testing.T, n *node) {
			overwrite(t, filepath.Join(n.artifacts, "arm64/u-boot", board.Name, board.MMC.File), bytes.Repeat([]byte("U-Boot "), 2<<20))
		}, nil, `starts with "U-Bo", not "RKNS"`},
		"a loader cut short": {func(t *testing.T, n *node) {
			file := filepath.Join(n.artifacts, "arm64/u-boot", board.Name, board.MMC.File)
			overwrite(t, file, read(t, file)[:8360000])
		}, nil, "cut short"},
		"a flipped bit": {func(t *testing.T, n *node) {
			file := filepath.Join(n.artifacts, "arm64/u-boot", board.Name, board.MMC.File)
			data := read(t, file)
			data[3000] ^= 1
			overwrite(t, file, data)
		}, nil, "sha256 hash does not match"},
		"a loader past the partitions": {func(t *testing.T, n *node) {
			file := filepath.Join(n.artifacts, "arm64/u-boot", board.Name, board.MMC.File)
			overwrite(t, file, append(read(t, file), make([]byte, 2<<20)...))
		}, nil, "partitions may begin at byte 10485760"},
		"no device tree": {func(t *testing.T, n *node) {
			overwrite(t, filepath.Join(n.artifacts, "arm64", board.DeviceTree), []byte("text, no tree at all"))
		}, nil, "not a device tree"},
		"another board's tree": {func(t *testing.T, n *node) {
			overwrite(t, filepath.Join(n.artifacts, "arm64", board.DeviceTree),
				bytes.ReplaceAll(rockchiploader.DeviceTree(), []byte("rk3588s"), []byte("rk3399x")))
		}, nil, "not for a board with the RK3588S"},
		"an overlay that is not there": {nil, map[string]any{"dtb": "i2c.dtbo"}, "no i2c.dtbo in artifacts/arm64/dtb/rockchip; it has " + boardDTB},
		"an unknown option":            {nil, map[string]any{"bootdevice": "sd"}, `unknown overlay option "bootdevice"; valid are allowStandIn, bootDevice`},
		"an unknown boot device":       {nil, map[string]any{"bootDevice": "usb"}, `"usb" is none of auto, sd, emmc, nvme, spi`},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, rockchiploader.Small, imageSize)
			file := n.disk

			if tc.breakIt != nil {
				tc.breakIt(t, &n)
			}

			if _, err := n.install(t, tc.extra); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v does not say %q", err, tc.want)
			}

			if content := read(t, file); bytes.ContainsFunc(content, func(r rune) bool { return r != 0 }) {
				t.Errorf("got %d bytes that are not blank, want none written", len(content))
			}

			if entries, err := os.ReadDir(filepath.Join(n.mount, "boot")); err == nil {
				t.Errorf("left on the EFI partition: %v: got no error, want one", entries)
			}
		})
	}
}

func overwrite(t *testing.T, name string, data []byte) {
	t.Helper()

	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestOverlaysAndMACAddressAreInTheTree(t *testing.T) {
	n := newNode(t, rockchiploader.Small, imageSize)

	// An overlay of the fdt package's tests refers to other symbols: the one here is as small as one can be.
	overwrite(t, filepath.Join(n.artifacts, "arm64/dtb/rockchip/extra.dtbo"), overlayTree(t))
	n.mustInstall(t, map[string]any{"dtb": boardDTB + ", extra.dtbo", "ethaddr": "02:00:00:12:34:56"})

	tree, err := fdt.Read(read(t, filepath.Join(n.mount, "boot/EFI", board.DeviceTree)))
	if err != nil {
		t.Fatal(err)
	}

	controller := fdt.Lookup(tree.RootNode, "/ethernet@fe1c0000")
	if mac, _ := fdt.Property(controller, "local-mac-address"); !bytes.Equal(mac, []byte{2, 0, 0, 0x12, 0x34, 0x56}) {
		t.Errorf("MAC address: got % x, want 02 00 00 12 34 56", mac)
	}

	if got := fdt.String(controller, "status"); got != "okay" {
		t.Errorf("the overlay's status: got %q, want okay", got)
	}

	// U-Boot would overwrite the address of a node that an alias names.
	if fdt.Lookup(tree.RootNode, "ethernet0") != nil || fdt.Lookup(tree.RootNode, "mmc0") == nil {
		t.Error("got an alias ethernet0 or none for mmc0, want mmc0 alone")
	}

	overwrite(t, filepath.Join(n.artifacts, "arm64/dtb/rockchip/extra.dtbo"), bytes.ReplaceAll(overlayTree(t), []byte("gmac1"), []byte("gmac9")))

	if _, err := n.install(t, map[string]any{"dtb": "extra.dtbo"}); err == nil || !strings.Contains(err.Error(), `extra.dtbo: overlay cannot be applied: it refers to the symbol "gmac9"`) {
		t.Errorf("missing symbol: got %v, want %q", err, `extra.dtbo: overlay cannot be applied: it refers to the symbol "gmac9"`)
	}
}

// overlayTree is an overlay that sets a property of the node the symbol gmac1 stands for, as dtc makes it.
func overlayTree(t *testing.T) []byte {
	t.Helper()

	tree := &dt.FDT{
		Header: dt.Header{Magic: dt.Magic, Version: 17, LastCompVersion: 16},
		RootNode: dt.NewNode("", dt.WithChildren(
			dt.NewNode("fragment@0", dt.WithProperty(dt.PropertyU32("target", 0xffffffff)), dt.WithChildren(
				dt.NewNode("__overlay__", dt.WithProperty(dt.PropertyString("status", "okay"))))),
			dt.NewNode("__fixups__", dt.WithProperty(dt.PropertyString("gmac1", "/fragment@0:target:0"))),
		)),
	}

	flat, err := fdt.Write(tree)
	if err != nil {
		t.Fatal(err)
	}

	return flat
}

func TestEmptyMountPrefixIsTheNodesRoot(t *testing.T) {
	for prefix, want := range map[string]string{"": "/boot/EFI", "/": "/boot/EFI", "/tmp/imager-1": "/tmp/imager-1/boot/EFI"} {
		if got := espPath(prefix); got != want {
			t.Errorf("%q gives %s, not %s", prefix, got, want)
		}
	}
}

func TestWhatTalosLeavesOutIsNamed(t *testing.T) {
	for input, want := range map[string]string{
		"mountPrefix: /nonexistent\nartifactsPath: /nonexistent\n": "installDisk is missing",
		"installDisk: /nonexistent\n":                              "artifactsPath is missing",
	} {
		if _, stderr, err := run(t, "install", input); err == nil || !strings.Contains(stderr, want) {
			t.Errorf("got %v: %s, want %q", err, stderr, want)
		}
	}
}

func TestUnknownFieldsOfANewerTalosAreIgnored(t *testing.T) {
	n := newNode(t, rockchiploader.Small, imageSize)
	input := fmt.Sprintf("installDisk: %s\nmountPrefix: %s\nartifactsPath: %s\nfutureField: {a: [1, 2]}\nextraOptions:\n", n.disk, n.mount, n.artifacts)

	if _, stderr, err := run(t, "install", input); err != nil {
		t.Errorf("%v: %s", err, stderr)
	}
}

func TestWrongCallsFailWithAMessage(t *testing.T) {
	for command, input := range map[string]string{"get-options": "[1, 2]", "install": "installDisk: [", "uninstall": ""} {
		if stdout, stderr, err := run(t, command, input); err == nil || stderr == "" || stdout != "" {
			t.Errorf("%s: got %v, %q, %q; want an error, on standard error alone", command, err, stdout, stderr)
		}
	}
}

func TestOptionsAreAnsweredInTalosForm(t *testing.T) {
	stdout, stderr, err := run(t, "get-options", "{}")
	if err != nil {
		t.Fatal(err, stderr)
	}

	var got overlay.Options
	if err := yaml.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}

	if want := uint64(board.LoaderRoom / 512); got.Name != board.Name || got.PartitionOptions.Offset != want {
		t.Errorf("got %+v, want name %s and offset %d", got, board.Name, want)
	}
}

func FuzzInstallOptions(f *testing.F) {
	f.Add("console: off\nwatchdog: 3m\ndtb: [a.dtb, b.dtbo]\n")
	f.Add("{ethaddr: '02:00:00:00:00:01', extraKernelArgs: 'a=b c', spiBoot: 1}")
	f.Add("installDisk: /dev/null")

	f.Fuzz(func(t *testing.T, text string) {
		var extra overlay.ExtraOptions
		if err := yaml.Unmarshal([]byte(text), &extra); err != nil {
			return
		}

		o, err := parseOptions(extra)
		if err != nil {
			return
		}

		for _, arg := range o.kernelArgs() {
			if arg == "" || strings.ContainsAny(arg, " \t\n") {
				t.Errorf("kernel argument: got %q, want one without blanks", arg)
			}
		}

		for _, name := range append(o.dtbOverlays, o.dtb) {
			if filepath.Base(name) != name {
				t.Errorf("device tree: got %q, want a name within the artifacts", name)
			}
		}
	})
}

// U-Boot asks for V2's tree by V2's name.
func TestEachBoardGetsItsOwnTreeOrTheOneAskedFor(t *testing.T) {
	model := func(t *testing.T, n node, name string) string {
		t.Helper()

		tree, err := fdt.Read(read(t, filepath.Join(n.mount, "boot/EFI/dtb/rockchip", name)))
		if err != nil {
			t.Fatal(err)
		}

		return fdt.String(tree.RootNode, "model")
	}

	const third = "third.dtb"

	for _, asked := range []string{"", third} {
		n := newNode(t, rockchiploader.Small, imageSize)

		// Each says its own name for a model.
		for _, name := range append(slices.Clone(board.DeviceTrees), third) {
			tree, err := fdt.Read(rockchiploader.DeviceTree())
			if err != nil {
				t.Fatal(err)
			}

			tree.RootNode.UpdateProperty("model", []byte(name+"\x00"))

			flat, err := fdt.Write(tree)
			if err != nil {
				t.Fatal(err)
			}

			if err := os.WriteFile(filepath.Join(n.artifacts, "arm64/dtb/rockchip", name), flat, 0o600); err != nil {
				t.Fatal(err)
			}
		}

		// Twice: the second must not take the other one's tree for an old one of ours.
		for range 2 {
			n.mustInstall(t, map[string]any{"dtb": asked})
		}

		for _, name := range board.DeviceTrees {
			if got, want := model(t, n, name), cmp.Or(asked, name); got != want {
				t.Errorf("dtb: %q: %s: got the tree of %s, want %s", asked, name, got, want)
			}
		}
	}
}
