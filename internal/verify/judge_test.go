// SPDX-License-Identifier: MPL-2.0

package verify

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/inspect/gpt"
	"talos-nanopi-m6/internal/inspect/loader"
)

func partition(name, kind string) gpt.Partition {
	return gpt.Partition{Name: name, Type: kind, Aligned: true}
}

func TestTwoPartitionsOfOneNameOrOneUseFail(t *testing.T) {
	sound := []gpt.Partition{partition("EFI", gpt.TypeEFI), partition("BIOS", gpt.TypeBIOS), partition("BOOT", gpt.TypeLinux), partition("META", gpt.TypeLinux)}

	for name, c := range map[string]struct {
		more []gpt.Partition
		want Status
	}{
		"none besides":                  {nil, Pass},
		"a data partition":              {[]gpt.Partition{partition("data", gpt.TypeLinux)}, Pass},
		"two named EFI":                 {[]gpt.Partition{partition("EFI", gpt.TypeLinux)}, Fail},
		"two named BOOT":                {[]gpt.Partition{partition("BOOT", gpt.TypeLinux)}, Fail},
		"two named META":                {[]gpt.Partition{partition("META", gpt.TypeLinux)}, Fail},
		"two named STATE":               {[]gpt.Partition{partition("STATE", gpt.TypeLinux), partition("STATE", gpt.TypeLinux)}, Fail},
		"two EFI system partitions":     {[]gpt.Partition{partition("other", gpt.TypeEFI)}, Fail},
		"STATE and EPHEMERAL of a node": {[]gpt.Partition{partition("STATE", gpt.TypeLinux), partition("EPHEMERAL", gpt.TypeLinux)}, Pass},
	} {
		for _, parts := range [][]gpt.Partition{append(append([]gpt.Partition{}, sound...), c.more...), append(append([]gpt.Partition{}, c.more...), sound...)} {
			l := &list{}
			l.partitions(&gpt.Table{Partitions: parts})

			if got := l.checks[0]; got.Status != c.want {
				t.Errorf("%s: got %+v, want %s", name, got, c.want)
			}
		}
	}
}

func TestARegionPastTheEndFailsWhateverItsSumIs(t *testing.T) {
	for _, g := range []ManifestRegion{{"a", 1 << 62, 1 << 62, ""}, {"a", 1, 1<<63 - 1, ""}, {"a", 1024, 1, ""}, {"a", -1, 1, ""}, {"a", 0, -1, ""}} {
		m := &Manifest{}
		m.Layout.Regions = []ManifestRegion{g}

		d := &image.Disk{ReaderAt: bytes.NewReader(make([]byte, 1024)), Format: image.Raw, Size: 1024}
		l := &list{}
		(&compared{t.Context(), m, "", m.sums(), d}).check(l, &inspect.Report{Kind: inspect.KindDevice})

		if got := l.checks[0]; got.Status != Fail {
			t.Errorf("%+v: got %+v, want %s", g, got, Fail)
		}
	}
}

func TestRegionsOverTheSameBytesCountEachTime(t *testing.T) {
	d := &image.Disk{ReaderAt: bytes.NewReader(make([]byte, 1024)), Format: image.Raw, Size: 1024}
	m := &Manifest{}

	for range 10_000 {
		m.Layout.Regions = append(m.Layout.Regions, ManifestRegion{"a", 0, 1024, ""})
	}

	l := &list{}
	(&compared{t.Context(), m, "", m.sums(), d}).check(l, &inspect.Report{Kind: inspect.KindDevice})

	if n := len(l.checks); n != maxRegions+1 || !strings.Contains(l.checks[n-1].Reason, "together") {
		t.Errorf("got %d checks, the last one %+v, want %d", n, l.checks[n-1], maxRegions+1)
	}
}

func TestAManifestOfAnotherProgramIsAWarning(t *testing.T) {
	for content, want := range map[string]string{
		`{"name": "a web page"}`: "not an image's", "noise": "not an image's", `{"image": {"sha256": 5}}`: "not an image's",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}

		m, foreign, err := Options{}.manifest(filepath.Join(dir, "metal.raw"))
		if m != nil || err != nil {
			t.Errorf("%s: got %v, %v; want no manifest", content, m, err)
		}

		l := &list{}
		(&compared{t.Context(), m, foreign, m.sums(), nil}).check(l, &inspect.Report{Kind: inspect.KindDisk})

		if got := l.checks[0]; got.Status != Warn || !strings.Contains(got.Reason, want) {
			t.Errorf("%s: got %+v, want %q", content, got, want)
		}

		if _, _, err := (Options{Manifest: filepath.Join(dir, "manifest.json")}).manifest("x"); err == nil {
			t.Errorf("%s: accepted where it was asked for: got no error, want one", content)
		}
	}
}

// U-Boot takes a tree for the board of its path: one at another revision's is another board's.
func TestATreeAtAnotherRevisionsPathIsRefused(t *testing.T) {
	tree := func(path, boards string) inspect.DeviceTree {
		return inspect.DeviceTree{Path: path, Model: "a model", Boards: boards}
	}

	for _, name := range board.DeviceTrees[1:] {
		path, revision := board.DeviceTreeFolder+"/"+name, board.Revision(name)

		for _, tt := range []struct {
			name  string
			trees []inspect.DeviceTree
			want  Status
		}{
			{"each its own", []inspect.DeviceTree{tree(board.DeviceTree, board.FirstRevision), tree(path, revision)}, Pass},
			{"the first's at its path", []inspect.DeviceTree{tree(path, board.FirstRevision)}, Fail},
			{"its own at the first's path", []inspect.DeviceTree{tree(board.DeviceTree, revision)}, Fail},
		} {
			var l list

			l.efi(&inspect.EFI{DeviceTrees: tt.trees})

			for _, tree := range tt.trees {
				check := "efi.devicetree"
				if tree.Path == path {
					check += "." + strings.ToLower(revision)
				}

				at := slices.IndexFunc(l.checks, func(c Check) bool { return c.Name == check })
				if at < 0 {
					t.Errorf("%s, %s: got no %s, want one", revision, tt.name, check)
				} else if c := l.checks[at]; c.Status != tt.want || !strings.Contains(c.Reason, tree.Boards) {
					t.Errorf("%s, %s: %s: got %s %q, want %s that names %s", revision, tt.name, check, c.Status, c.Reason, tt.want, tree.Boards)
				}
			}
		}
	}
}

func TestABlobKnownByWhatItPrintsAloneIsWarnedOf(t *testing.T) {
	l := &list{}
	l.ddr(&loader.Loader{DDR: loader.DDR{Version: "DDR 0", SHA256: "00", Known: &board.Blob{File: "ddr.bin", Prints: "DDR 0"}}}, Options{})

	if got := l.checks[0]; got.Status != Warn || !strings.HasPrefix(got.Reason, "ddr.bin by what it prints (DDR 0); no digest") {
		t.Errorf("got %+v, want a warning that names it", got)
	}

	l = &list{}
	l.ddr(&loader.Loader{DDR: loader.DDR{Version: "DDR 0", Known: &board.Blob{File: "ddr.bin", SHA256: "00"}}}, Options{})

	if got := l.checks[0]; got.Status != Pass || got.Reason != "ddr.bin" {
		t.Errorf("got %+v, want it to pass by its digest", got)
	}
}
