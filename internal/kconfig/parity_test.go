// SPDX-License-Identifier: MPL-2.0

package kconfig

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func readParity(t *testing.T, excuses string) Parity {
	t.Helper()

	parity, err := ReadParity(filepath.Join(write(t, map[string]string{"parity.yaml": excuses}), "parity.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	return parity
}

const excuses = `
excuses:
  - {class: compiler, why: GCC's, options: ["CC_HAS_*"]}
  - {class: other-soc, why: Acme's, options: [ARCH_ACME, "*_ACME_*"]}
  - {class: stricter, why: nobody reads memory, options: [DEVMEM]}
  - {class: absent, why: younger, options: [NEW]}
`

func TestWhatIsOnOrExcusedPasses(t *testing.T) {
	lists := map[string][]string{"1.10": {"KVM", "ARCH_ACME", "CLK_ACME_1", "DEVMEM"}, "1.14": {"KVM", "BTRFS_FS", "NEW"}}

	finds(t, CheckParity(Config{"KVM": "y", "BTRFS_FS": "m"}, lists, map[string]bool{"KVM": true}, readParity(t, excuses)))
}

func TestWhatIsOffWithoutAnExcuseIsNamedWithItsList(t *testing.T) {
	lists := map[string][]string{"1.10": {"KVM", "ARCH_ACME", "CLK_ACME_1", "DEVMEM", "NEW"}, "1.14": {"KVM", "IO_URING"}}

	finds(t, CheckParity(Config{"DUMMY": "y"}, lists, nil, readParity(t, excuses)),
		"CONFIG_KVM is on in 1.10 and off here",
		"CONFIG_IO_URING is on in 1.14 and off here",
	)
}

func TestAnExcuseThatExcusesNothingIsNamed(t *testing.T) {
	lists := map[string][]string{"1.10": {"ARCH_ACME", "DEVMEM", "NEW"}}

	finds(t, CheckParity(Config{"DEVMEM": "y"}, lists, nil, readParity(t, excuses)),
		"other-soc: *_ACME_* excuses nothing",
		"stricter: DEVMEM excuses nothing",
	)
}

func TestAnOptionTheSourceHasIsNotAbsent(t *testing.T) {
	lists := map[string][]string{"1.14": {"ARCH_ACME", "CLK_ACME_1", "DEVMEM", "NEW"}}

	finds(t, CheckParity(Config{}, lists, map[string]bool{"NEW": true}, readParity(t, excuses)),
		"CONFIG_NEW: ")
}

func TestExcusesThatSayTooLittleAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nobody needs it":                 "excuses: [{class: unneeded, why: w, options: [A]}]\n",
		"no class":                        "excuses: [{why: w, options: [A]}]\n",
		"no reason":                       "excuses: [{class: absent, options: [A]}]\n",
		"no option":                       "excuses: [{class: absent, why: w}]\n",
		"a pattern over security":         "excuses: [{class: stricter, why: w, options: ['DEV*']}]\n",
		"a pattern over debugging":        "excuses: [{class: debugging, why: w, options: ['KASAN_?']}]\n",
		"a pattern over what is absent":   "excuses: [{class: absent, why: w, options: ['*']}]\n",
		"a pattern over our alternatives": "excuses: [{class: otherwise, why: w, options: ['[A-Z]*']}]\n",
		"a pattern that is none":          "excuses: [{class: other-soc, why: w, options: ['[A']}]\n",
		"a misspelt key":                  "excuses: [{class: absent, why: w, option: [A]}]\n",
	} {
		_, err := ReadParity(filepath.Join(write(t, map[string]string{"parity.yaml": text}), "parity.yaml"))
		names(t, name, err, "parity.yaml")
	}
}

func TestAListIsNamesOnly(t *testing.T) {
	dir := write(t, map[string]string{"good": "# from somewhere\nKVM\n64BIT\n", "empty": "# nothing\n", "config": "CONFIG_KVM=y\n", "prefixed": "CONFIG_KVM\n"})

	got, err := ReadOptions(filepath.Join(dir, "good"))
	if want := []string{"KVM", "64BIT"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}

	for _, name := range []string{"empty", "config", "prefixed", "missing"} {
		if got, err := ReadOptions(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, %v, want an error that names the file", name, got, err)
		}
	}
}

func TestKconfigFilesSayWhichOptionsThereAre(t *testing.T) {
	got, err := DefinedOptions(write(t, map[string]string{
		"Kconfig":               "config KVM\n\tbool \"virtual machines\"\n\t  config in a help text\n",
		"drivers/Kconfig.extra": "menuconfig MD # a menu\n\tdefault y\nif MD\n  config DM_RAID\nendif\n",
		"drivers/other":         "config NOT\n",
	}))
	if want := map[string]bool{"KVM": true, "MD": true, "DM_RAID": true}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}

	if _, err := DefinedOptions(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a kernel source") {
		t.Errorf("an empty directory: got %v, want an error that says what it is not", err)
	}
}

// The repository's own data reads; that the configuration meets it is checked where there is a kernel source.
func TestTheListsAndExcusesRead(t *testing.T) {
	if _, err := ReadParity("../../nix/kernel/needs/parity.yaml"); err != nil {
		t.Error(err)
	}

	lists, err := filepath.Glob("../../nix/kernel/talos/options-*")
	if err != nil || len(lists) < 2 {
		t.Fatalf("got lists %v, %v, want at least two releases", lists, err)
	}

	for _, list := range lists {
		if _, err := ReadOptions(list); err != nil {
			t.Error(err)
		}
	}
}
