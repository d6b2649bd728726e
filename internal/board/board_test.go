// SPDX-License-Identifier: MPL-2.0

package board

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// read reads files of the repository, one text of all that match.
func read(t *testing.T, pattern string) string {
	t.Helper()

	files, err := filepath.Glob(filepath.Join("../..", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: got no file (%v), want one", pattern, err)
	}

	var all strings.Builder

	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}

		all.Write(b)
	}

	return all.String()
}

// What has to repeat board.json in a language of its own says the same.
func TestWhatRepeatsTheBoardAgreesWithIt(t *testing.T) {
	tree := strings.TrimSuffix(DeviceTrees[0], ".dtb")
	config := "nix/boot/u-boot/" + m6.UBoot.Defconfig

	for _, c := range []struct{ file, want string }{
		{"dts/" + tree + ".dts*", fmt.Sprintf("%q", Compatible[0])},
		{"dts/" + tree + ".dts*", fmt.Sprintf("%q", StdoutPath)},
		{"dts/" + tree + ".dts*", fmt.Sprintf("label = %q", m6.LEDs.System)},
		{"dts/" + tree + ".dts*", fmt.Sprintf("label = %q", m6.LEDs.User)},
		{"nix/boot/u-boot/boot-flow.config", "led " + m6.LEDs.System + " blink"},
		{"nix/boot/u-boot/boot-flow.config", "led " + m6.LEDs.User + " on"},
		{"internal/qemu/console.go", fmt.Sprintf("%q", m6.Console.TTY)},
		{"nix/tests/qemu/hw/nanopi-m6.c", fmt.Sprintf("%q : %q", m6.LEDs.User, m6.LEDs.System)},
		{"cmd/m6/boot_board.go", fmt.Sprintf("%q", m6.LEDs.System)},
		{"cmd/m6/boot_board.go", fmt.Sprintf("%q", m6.LEDs.User)},
		{config, fmt.Sprintf("\nCONFIG_DEFAULT_DEVICE_TREE=%q\n", "rockchip/"+tree)},
		{config, fmt.Sprintf("\nCONFIG_DEFAULT_FDT_FILE=%q\n", "rockchip/"+DeviceTrees[0])},
		{config, fmt.Sprintf("\nCONFIG_SYS_SPI_U_BOOT_OFFS=%#x\n", SPI.FIT)},
		{config, fmt.Sprintf("\nCONFIG_SPL_BACKUP_PAYLOAD_OFFS=%#x\n", SPI.BackupFIT)},
		{config, fmt.Sprintf("\nCONFIG_SPL_BACKUP_PAYLOAD_OFFS=%#x\n", MMC.BackupFIT)},
	} {
		if !strings.Contains(read(t, c.file), c.want) {
			t.Errorf("%s: got no %q, want it as in board.json", c.file, c.want)
		}
	}
}

func TestEveryTreeOfTheBoardHasASource(t *testing.T) {
	for _, tree := range DeviceTrees {
		if source := read(t, "dts/"+strings.TrimSuffix(tree, ".dtb")+".dts"); !strings.Contains(source, "/dts-v1/;") {
			t.Errorf("dts/%s: got no device tree source, want one", tree)
		}
	}
}

// A kernel that has a tree of its own for the board looks for it under mainline's name.
func TestTheFirstTreeHasMainlinesNameAsWell(t *testing.T) {
	name := regexp.MustCompile(`"mainlineTree": "(.*)\.dtb"`).FindStringSubmatch(read(t, "internal/board/board.json"))
	if name == nil {
		return // mainline's name is the first tree's own
	}

	if facts := "dts/" + Name + ".facts.yaml"; !strings.Contains(read(t, facts), name[1]+".dts") {
		t.Errorf("board.json: got mainlineTree %q, want the tree that %s's mainline source names", name, facts)
	}
}

func TestEveryPinnedDDRBlobHasAName(t *testing.T) {
	pinned := regexp.MustCompile(`(?m)^      ddr = "(.*)";$`).FindAllStringSubmatch(read(t, "nix/pins.nix"), -1)
	if len(pinned) < 2 {
		t.Fatalf("nix/pins.nix: got %d DDR blobs, want the default and a newer one", len(pinned))
	}

	for _, pin := range pinned {
		if !slices.ContainsFunc(KnownBlobs, func(b Blob) bool { return b.File == path.Base(pin[1]) }) {
			t.Errorf("nix/pins.nix: got %s, want one that board.json knows", pin[1])
		}
	}

	digest := regexp.MustCompile(`^[0-9a-f]{64}$`)

	for _, b := range KnownBlobs {
		if byDigest := digest.MatchString(b.SHA256) && b.Size > 0; byDigest == (b.Prints != "") {
			t.Errorf("%s: got %+v, want size and digest, or what it prints where there is no digest", b.File, b)
		}
	}
}

func TestATreeNamesItsBoards(t *testing.T) {
	type tree struct {
		model      string
		compatible []string
		want       string
	}

	trees := []tree{
		{Title, Compatible, FirstRevision},
		{Title, []string{Formerly, Compatible[1]}, FirstRevision},
		{Title, []string{"acme,other"}, ""},
		{"", nil, ""},
	}

	for _, name := range DeviceTrees[1:] {
		trees = append(trees, tree{Title + " " + Revision(name), Compatible, Revision(name)})
	}

	for _, tt := range trees {
		if got := Boards(tt.model, tt.compatible); got != tt.want {
			t.Errorf("model %q, compatible %q: got %q, want %q", tt.model, tt.compatible, got, tt.want)
		}
	}

	// The trees say these models.
	for k, name := range DeviceTrees {
		want := Title
		if k > 0 {
			want += " " + Revision(name)
		}

		source := read(t, "dts/"+strings.TrimSuffix(name, ".dtb")+".dts")
		if !strings.Contains(source, "model = \""+want+"\";") {
			t.Errorf("%s: got another model, want %q", name, want)
		}
	}
}
