// SPDX-License-Identifier: MPL-2.0

package grub

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const written = `set default="A - Talos v1.10.6"

set timeout=3

insmod all_video

terminal_input console
terminal_output console

menuentry "A - Talos v1.10.6" {
  set gfxmode=auto
  set gfxpayload=text
  linux /A/vmlinuz talos.platform=metal console=tty0 a\$b dm=\"x y\"
  initrd /A/initramfs.xz
}
menuentry "Reset Talos installation and return to maintenance mode" {
  set gfxmode=auto
  set gfxpayload=text
  linux /A/vmlinuz talos.platform=metal talos.experimental.wipe=system:EPHEMERAL,STATE
  initrd /A/initramfs.xz
}
`

func TestWhatTalosWritesIsRead(t *testing.T) {
	for name, config := range map[string]string{
		"as it is":        written,
		"with a fallback": strings.Replace(written, "\n\nset timeout", "\nset fallback=\"B - Talos v1.9.0\"\n\nset timeout", 1),
	} {
		list, err := Parse(config)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}

		want := []string{"talos.platform=metal", "console=tty0", "a$b", `dm="x`, `y"`}
		if len(list) != 2 || !list[0].Default || list[1].Default || list[0].Kernel != "/A/vmlinuz" ||
			list[0].Initrd != "/A/initramfs.xz" || !slices.Equal(list[0].Args, want) {
			t.Errorf("%s: got %+v, want the arguments %q", name, list, want)
		}
	}
}

func TestWhatTalosDoesNotWriteCannotBeJudged(t *testing.T) {
	for name, config := range map[string]string{
		"a second default":           written + "set default=\"x\"\n",
		"a second linux line":        strings.Replace(written, "  initrd", "  linux /other\n  initrd", 1),
		"halt first":                 "halt\n" + written,
		"halt in the entry":          strings.Replace(written, "  linux", "  halt\n  linux", 1),
		"another file":               written + "source /other.cfg\n",
		"two entries of a name":      strings.Replace(written, "Reset Talos installation and return to maintenance mode", "A - Talos v1.10.6", 1),
		"a variable":                 strings.Replace(written, `a\$b`, "a$b", 1),
		"two statements on a line":   strings.Replace(written, "timeout=3", "timeout=3; halt", 1),
		"an entry without an end":    strings.TrimSuffix(written, "}\n"),
		"an entry without initrd":    strings.Replace(written, "  initrd /A/initramfs.xz\n", "", 1),
		"an unescaped quotation":     strings.Replace(written, `dm=\"x`, `dm="x`, 1),
		"a condition":                strings.Replace(written, "set timeout=3", "if true; then set timeout=3; fi", 1),
		"the initrd before":          strings.Replace(written, "  linux", "  initrd /x\n  linux", 1),
		"a line that goes on":        strings.Replace(written, "console=tty0", "console=tty0 \\", 1),
		"a default that is expanded": strings.Replace(written, `default="A - Talos v1.10.6"`, `default="$x"`, 1),
	} {
		if list, err := Parse(config); !errors.Is(err, ErrOther) {
			t.Errorf("%s: got %v, %+v, want %v", name, err, list, ErrOther)
		}
	}
}
