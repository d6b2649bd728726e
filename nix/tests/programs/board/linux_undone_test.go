// SPDX-License-Identifier: MPL-2.0

//go:build qemu

package board_test

import (
	"regexp"
	"strings"
	"testing"
)

// What undone_test.go does with U-Boot's tree, with the kernel's: U-Boot changes it at its prompt, and starts GRUB with it.
// The card's UHS modes are TestLinuxSwitchesTheCardTo1800mVWithTheOverlay's.
func TestLinuxIsNoticedToHaveATreeWithAFactUndone(t *testing.T) {
	const (
		network = "/ethernet@fe1c0000"
		phy     = network + "/mdio/ethernet-phy@1"
		pmic    = "/spi@feb20000/pmic@0"
		twin    = "/spi@fe2b0001" // of the flash's controller, which U-Boot turns off beside the eMMC
	)

	// The end is the model's where notices is nil; else a check of TestLinuxDrivesTheBoard or TestLinuxOnV2 has to see something
	// else than it wants.
	for _, tt := range []struct {
		name, properties string
		media            []mediumKind
		commands         []string
		notices          func(model) string
		want             string
	}{
		{
			name:     "M-key's PERST# at the card's presence",
			media:    []mediumKind{nvme},
			commands: append(phandles("gpio4", "/pinctrl/gpio@fec50000"), "fdt set /pcie@fe190000 reset-gpios <${gpio4} 5 0>"),
			want:     "PCIe m2m: link asked for with PERST# low",
		},
		{
			name:       "V1's PHY by its id on V2",
			properties: ",board=v2",
			commands:   []string{"fdt set " + phy + ` compatible "ethernet-phy-id001c.c916"`},
			notices: func(m model) string {
				m.says(linkUp)

				return m.says(phyDriver)
			},
			want: "^" + phyV1 + "$", // where phyV2 is wanted
		},
		{
			name: "a pin of the SPI bus among the PMIC's",
			commands: append(phandles("int", "/pinctrl/pmic/pmic-int",
				"dvs1", pmic+"/dvs1-null-pins", "dvs2", pmic+"/dvs2-null-pins", "dvs3", pmic+"/dvs3-null-pins"),
				"fdt set "+pmic+" pinctrl-0 <${int} ${dvs1} ${dvs2} ${dvs3}>",
			),
			notices: found,
			want:    `pin gpio0-7 already requested by feb20000\.spi`,
		},
		{
			name:  "flash and eMMC both on",
			media: []mediumKind{emmc, nor},
			commands: append(phandles("pins", "/pinctrl/fspi/fspim0-pins", "cru", "/clock-controller@fd7c0000"),
				"fdt mknode / "+strings.TrimPrefix(twin, "/"),
				"fdt set "+twin+` compatible "rockchip,sfc"`,
				"fdt set "+twin+" reg <0 0xfe2b0000 0 0x4000>",
				"fdt set "+twin+" interrupts <0 206 4 0>",
				"fdt set "+twin+" clocks <${cru} 0x12f ${cru} 0x130>",
				"fdt set "+twin+` clock-names "clk_sfc" "hclk_sfc"`,
				"fdt set "+twin+` pinctrl-names "default"`,
				"fdt set "+twin+" pinctrl-0 <${pins}>",
			),
			notices: found,
			want:    `pin gpio2-0 already requested by fe2e0000\.mmc`,
		},
		{
			name:       "no fan",
			properties: ",temperature=80",
			commands:   []string{"fdt rm /fan"},
			notices:    func(m model) string { return "state " + m.says(fanState) },
			want:       "^state $",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			args := []string{"-nic", "user"}
			for _, kind := range tt.media {
				args = append(args, kind.drive(kind.blank(t))...)
			}

			board := withImage(t, "BOARD_IMAGE", tt.properties, args...)
			board.startWithTree(tt.commands)

			if tt.notices == nil {
				board.fault(tt.want)

				return
			}

			board.shell()

			if got := tt.notices(board); !regexp.MustCompile(tt.want).MatchString(got) {
				t.Errorf("got %q, want %s in it", got, tt.want)
			}
		})
	}
}

func found(m model) string { return strings.Join(m.findings(), "\n") }

// phandles are U-Boot's commands that put the phandles of nodes into variables: a name, a path, and so on.
func phandles(of ...string) (commands []string) {
	for i := 0; i < len(of); i += 2 {
		commands = append(commands, "fdt get value "+of[i]+" "+of[i+1]+" phandle")
	}

	return commands
}

// startWithTree has U-Boot start GRUB with the tree that it takes for the board, changed by these commands.
func (m model) startWithTree(commands []string) {
	m.t.Helper()
	m.Prompt()

	for _, command := range append([]string{
		"load mmc 1:1 ${fdt_addr_r} dtb/${fdtfile}",
		"fdt addr ${fdt_addr_r}",
		"fdt resize 4096",
	}, append(commands, "load mmc 1:1 ${kernel_addr_r} EFI/BOOT/BOOTAA64.EFI")...) {
		said := m.Ask(command)
		if regexp.MustCompile(`(?i)error|FDT_ERR|not found|Failed|libfdt`).MatchString(said) {
			m.t.Fatalf("%s: got %q, want it done", command, said)
		}
	}

	m.Type("bootefi ${kernel_addr_r} ${fdt_addr_r}\n")
}
