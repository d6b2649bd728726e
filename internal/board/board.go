// SPDX-License-Identifier: MPL-2.0

// Package board is what this project calls the board and where it keeps things on it: board.json, which Nix reads as well.
// What is soldered to what stands in dts/.
package board

import (
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

//go:embed board.json
var data []byte

var m6 = must(data)

// must reads board.json with the YAML library, of which JSON is a part: the installer has that one in it already.
func must(b []byte) (m struct {
	Name        string   `yaml:"name"`
	Title       string   `yaml:"title"`
	Compatible  []string `yaml:"compatible"`
	Formerly    string   `yaml:"formerly"`
	DeviceTrees []string `yaml:"deviceTrees"`
	UBoot       struct {
		Defconfig string `yaml:"defconfig"`
	} `yaml:"uBoot"`
	LEDs struct {
		System string `yaml:"system"`
		User   string `yaml:"user"`
	} `yaml:"leds"`
	Console struct {
		TTY     string `yaml:"tty"`
		Serial  string `yaml:"serial"`
		Baud    int    `yaml:"baud"`
		Address string `yaml:"address"`
	} `yaml:"console"`
	Loader struct {
		Room int64  `yaml:"room"`
		MMC  Layout `yaml:"mmc"`
		SPI  Layout `yaml:"spi"`
	} `yaml:"loader"`
	DDR struct {
		Known []Blob `yaml:"known"`
	} `yaml:"ddr"`
},
) {
	if err := yaml.Unmarshal(b, &m); err != nil {
		panic(fmt.Errorf("board.json: %w", err)) // a file of this package
	}

	return m
}

// Layout says where mask ROM and SPL look on a medium, in bytes. Package rockchip has its meaning and sources.
type Layout struct {
	Medium    string `yaml:"medium"`
	File      string `yaml:"file"`
	FileStart int64  `yaml:"fileStart"`
	IDBlock   int64  `yaml:"idblock"`
	Stride    int64  `yaml:"stride"`
	Copies    int    `yaml:"copies"`
	FIT       int64  `yaml:"fit"`
	BackupFIT int64  `yaml:"backupFIT"`
}

// Blob is a DDR blob that is known: by its digest, or, where no source has one, by what it prints first.
type Blob struct {
	File   string `yaml:"file"   json:"file"`
	Size   int64  `yaml:"size"   json:"size,omitempty"` // bytes
	SHA256 string `yaml:"sha256" json:"sha256,omitempty"`
	Prints string `yaml:"prints" json:"prints,omitempty"`
}

var (
	// Name is the overlay's, hence of installers/NAME, profiles/NAME.yaml and artifacts/arm64/u-boot/NAME.
	Name = m6.Name
	// Title is what people call the board.
	Title = m6.Title
	// Compatible is what the board's device tree says, the board's own string first.
	Compatible = m6.Compatible
	// Formerly is what trees said in place of the board's own string before mainline had the board.
	Formerly = m6.Formerly
	// DeviceTrees are the file names of the board's trees, one a revision. U-Boot asks for the first on a board of unknown id
	// as well.
	DeviceTrees = m6.DeviceTrees
	// DeviceTree is the first one's path on the EFI partition, and below artifacts/arm64.
	DeviceTree = path.Join(DeviceTreeFolder, m6.DeviceTrees[0])
	// Console is the kernel's argument for the debug UART, EarlyConsole the one that needs no driver.
	Console      = fmt.Sprintf("console=%s,%d", m6.Console.TTY, m6.Console.Baud)
	EarlyConsole = "earlycon=uart8250,mmio32," + m6.Console.Address
	// StdoutPath is what the tree's chosen node says of it.
	StdoutPath = fmt.Sprintf("%s:%dn8", m6.Console.Serial, m6.Console.Baud)
	// TTY is the debug UART's name, Baud its speed in bits per second.
	TTY, Baud = m6.Console.TTY, m6.Console.Baud
	// MMC is the layout of SD cards and of an eMMC's user area, SPI that of SPI NOR flash.
	MMC, SPI = m6.Loader.MMC, m6.Loader.SPI
	// LoaderRoom is what an image leaves to GPT and boot loader: the first partition begins there, in bytes.
	LoaderRoom = m6.Loader.Room
	// KnownBlobs are the DDR blobs with a name.
	KnownBlobs = m6.DDR.Known
)

// FirstRevision is what the first of DeviceTrees is for.
const FirstRevision = "first revision and boards of unknown id"

// Revision names the boards that one of DeviceTrees is for, by its file's name.
func Revision(name string) string {
	stem := func(name string) string { return strings.TrimSuffix(name, ".dtb") }

	if revision := strings.TrimPrefix(stem(name), stem(DeviceTrees[0])); revision != "" {
		return strings.ToUpper(revision)
	}

	return FirstRevision
}

// Boards says which of the board's revisions a tree with this model and these compatible strings is for; "" where it is
// another board's.
func Boards(model string, compatible []string) string {
	if !slices.Contains(compatible, Compatible[0]) && !slices.Contains(compatible, Formerly) {
		return ""
	}

	for _, name := range DeviceTrees[1:] {
		if revision := Revision(name); model == Title+" "+revision {
			return revision
		}
	}

	return FirstRevision
}

// DeviceTreeFolder is where U-Boot looks for device trees on the EFI partition (fdtfile names the folder of its vendor).
const DeviceTreeFolder = "dtb/rockchip"
