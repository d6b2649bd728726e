// SPDX-License-Identifier: MPL-2.0

//go:build qemu

package bootflow_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"talos-nanopi-m6/internal/fixture/machine"
)

// boardID is that part of dts/nanopi-m6.facts.yaml.
type boardID struct {
	Revisions []struct {
		Name            string
		Lowest, Highest int
		Tree            string
	}
	Unknown string
}

func readBoardID(t *testing.T) boardID {
	t.Helper()

	data, err := os.ReadFile(machine.Input(t, "FLOW_FACTS"))
	if err != nil {
		t.Fatal(err)
	}

	var facts struct {
		BoardID boardID `yaml:"board-id"`
	}

	if err := yaml.Unmarshal(data, &facts); err != nil {
		t.Fatal(err)
	}

	if len(facts.BoardID.Revisions) < 2 {
		t.Fatalf("got %d revisions of the board, want V1 and V2 at the least", len(facts.BoardID.Revisions))
	}

	return facts.BoardID
}

// withID gives the machine the stand-in for the board's ADC, and what it reads (dts/qemu-board.dtso).
func withID(t *testing.T, reading int) []string {
	t.Helper()

	_, adc := with(t, "FLOW_BOARD")

	return append(adc, "-device", fmt.Sprintf("loader,addr=0x400fe134,data=%d,data-len=4", reading))
}

// tree is the name that U-Boot looks for, before the tests' own takes its place (CONFIG_PREBOOT).
func (m *flow) tree() string {
	_, tree, _ := strings.Cut(m.Ask("printenv board_tree"), "board_tree=rockchip/")

	return strings.TrimSpace(tree)
}

func TestBoardIDNamesTheTree(t *testing.T) {
	facts := readBoardID(t)
	wants := map[int]string{0: facts.Unknown, 4095: facts.Unknown}

	for _, r := range facts.Revisions {
		wants[r.Lowest-1], wants[r.Highest+1] = facts.Unknown, facts.Unknown
		wants[r.Lowest], wants[r.Highest] = r.Tree, r.Tree
	}

	for reading, want := range wants {
		t.Run(fmt.Sprint(reading), func(t *testing.T) {
			m := start(t, withID(t, reading)...)
			m.Prompt()

			if got := m.tree(); got != want {
				t.Errorf("a reading of %d: got %q, want %q", reading, got, want)
			}
		})
	}
}

func TestBoardWithoutReadableIDIsTakenForV1(t *testing.T) {
	m := start(t)
	m.Prompt()

	if got, want := m.tree(), readBoardID(t).Unknown; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What SPL has decided by the boot source (its tree's nodes) counts for the kernel as well, whatever its own tree says.
func TestKernelGetsFlashOrEMMCNeverBoth(t *testing.T) {
	const (
		flash = "/spi@fe2b0000"
		emmc  = "/mmc@fe2e0000"
	)

	set := func(t *testing.T, tree, node string, on bool) {
		t.Helper()
		machine.Command(t, "fdtput", "-t", "s", tree, node, "status", map[bool]string{true: "okay", false: "disabled"}[on])
	}

	for _, tt := range []struct {
		name              string
		startedFromFlash  bool
		treeFlash, treeMC bool
		wantFlash         bool
	}{
		{"started from SD or eMMC with the board's tree", false, false, true, false},
		{"started from SD or eMMC with the flash's overlay", false, true, false, true},
		{"started from SD or eMMC with a tree with both", false, true, true, false},
		{"started from SPI with the board's tree", true, false, true, true},
		{"started from SPI with the flash's overlay", true, true, false, true},
		{"started from SPI with a tree with both", true, true, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			control, args := with(t, "FLOW_BOARD")
			set(t, control, flash, tt.startedFromFlash)
			set(t, control, emmc, !tt.startedFromFlash)

			data, err := os.ReadFile(machine.Input(t, "FLOW_DTB"))
			if err != nil {
				t.Fatal(err)
			}

			kernels := filepath.Join(t.TempDir(), "kernel.dtb")
			if err := os.WriteFile(kernels, data, 0o600); err != nil {
				t.Fatal(err)
			}

			set(t, kernels, flash, tt.treeFlash)
			set(t, kernels, emmc, tt.treeMC)

			m := start(t, append(args, "-device", "loader,addr=0x60000000,force-raw=on,file="+kernels)...)
			m.Prompt()
			m.Ask("fdt addr 0x60000000")
			m.Ask("fdt resize 1000")
			m.Ask("fdt boardsetup")

			for node, on := range map[string]bool{flash: tt.wantFlash, emmc: !tt.wantFlash} {
				want := map[bool]string{true: `"okay"`, false: `"disabled"`}[on]
				if said := m.Ask("fdt print " + node + " status"); !strings.Contains(said, want) {
					t.Errorf("%s: got %q, want %s", node, said, want)
				}
			}
		})
	}
}
