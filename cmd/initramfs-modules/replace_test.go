// SPDX-License-Identifier: MPL-2.0

package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cavaliergopher/cpio"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"talos-nanopi-m6/internal/inspect/initramfs"
)

var epoch = time.Unix(315532800, 0)

// plain are tools for which a squashfs is a tar: what the real ones make of it, the Nix check payload-from-source shows.
var plain = tools{
	fromSquash: []string{"cat"},
	toSquash:   []string{"sh", "-c", `cat >"$0"`},
	depmod:     []string{"sh", "-c", `echo kernel/drivers/ours.ko: >"$0/lib/modules/$1/modules.dep"`},
}

// labelled gives a label to some names of a root.
func labelled(kind string) map[string]string {
	return map[string]string{label: "system_u:object_r:" + kind + ":s0\x00"}
}

// stock is a root as Talos' is, with the modules of these kernels.
func stock(t *testing.T, releases ...string) []byte {
	t.Helper()

	headers := []tar.Header{
		{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755, PAXRecords: labelled("rootfs_t")},
		{Name: "./lib", Typeflag: tar.TypeSymlink, Linkname: "usr/lib", Mode: 0o777},
		{Name: "./tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
		{Name: "./usr/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./usr/bin/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./usr/bin/init", Typeflag: tar.TypeReg, Mode: 0o755, Size: 4, PAXRecords: labelled("init_exec_t")},
		{Name: "./usr/bin/poweroff", Typeflag: tar.TypeLink, Linkname: "./usr/bin/init"},
		{Name: "./usr/lib/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./usr/lib/firmware/", Typeflag: tar.TypeDir, Mode: 0o700},
		{Name: "./usr/lib/firmware/blob.bin", Typeflag: tar.TypeReg, Mode: 0o644, Size: 4, PAXRecords: labelled("lib_t")},
		{Name: "./usr/lib/modules/", Typeflag: tar.TypeDir, Mode: 0o755},
	}

	for _, release := range releases {
		headers = append(headers,
			tar.Header{Name: "./usr/lib/modules/" + release + "/", Typeflag: tar.TypeDir, Mode: 0o755},
			tar.Header{Name: "./usr/lib/modules/" + release + "/stock.ko", Typeflag: tar.TypeReg, Size: 4, Mode: 0o444, PAXRecords: labelled("stock_module_t")})
	}

	return archived(t, headers...)
}

// archived is a tar whose files all hold "blob".
func archived(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()

	var b bytes.Buffer

	w := tar.NewWriter(&b)

	for _, h := range headers {
		h.ModTime = time.Unix(7, 0)
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}

		if h.Size > 0 {
			if _, err := w.Write([]byte("blob")); err != nil {
				t.Fatal(err)
			}
		}
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return b.Bytes()
}

// newc is an archive of these files.
func newc(t *testing.T, files map[string]string) []byte {
	t.Helper()

	var b bytes.Buffer

	w := cpio.NewWriter(&b)

	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&cpio.Header{Name: name, Mode: cpio.TypeReg | 0o755, Size: int64(len(files[name])), ModTime: time.Unix(9, 0)}); err != nil {
			t.Fatal(err)
		}

		if _, err := io.WriteString(w, files[name]); err != nil {
			t.Fatal(err)
		}
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return b.Bytes()
}

func compressed(t *testing.T, content []byte, compress func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()

	var b bytes.Buffer

	w, err := compress(&b)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return b.Bytes()
}

func zstded(t *testing.T, content []byte) []byte {
	t.Helper()

	return compressed(t, content, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) })
}

func xzed(t *testing.T, content []byte) []byte {
	t.Helper()

	return compressed(t, content, func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) })
}

// kernels are the modules of these kernels of ours, as the Nix store has them: read only.
func kernels(t *testing.T, releases ...string) string {
	t.Helper()

	dir := t.TempDir()

	for _, release := range releases {
		drivers := filepath.Join(dir, release, "kernel/drivers")

		err := errors.Join(os.MkdirAll(drivers, 0o755), os.WriteFile(filepath.Join(drivers, "ours.ko"), []byte("ours"), 0o444),
			os.Symlink("/nowhere", filepath.Join(dir, release, "build")))
		if err != nil {
			t.Fatal(err)
		}
	}

	return dir
}

// replaced is the initramfs that comes out: its files, and the entries of its root by name.
func replaced(t *testing.T, source []byte, modules string) (files map[string]string, root map[string]*tar.Header) {
	t.Helper()

	out, err := replace(t, source, modules)
	if err != nil {
		t.Fatal(err)
	}

	files, root = map[string]string{}, map[string]*tar.Header{}

	err = initramfs.Files(bytes.NewReader(out), func(h *cpio.Header, content io.Reader) error {
		b, err := io.ReadAll(content)
		files[h.Name] = string(b)

		if !h.ModTime.Equal(epoch) {
			t.Errorf("%s: got the time %v, want %v", h.Name, h.ModTime, epoch)
		}

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	for r := tar.NewReader(strings.NewReader(files[initramfs.RootfsName])); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, root
		}

		if err != nil {
			t.Fatal(err)
		}

		root[strings.Trim(strings.TrimPrefix(h.Name, "./"), "/")] = h
	}
}

func replace(t *testing.T, source []byte, modules string) ([]byte, error) {
	t.Helper()

	dir := t.TempDir()

	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, source, 0o600); err != nil {
		t.Fatal(err)
	}

	replaceErr := plain.replace(t.Context(), in, modules, out, epoch)
	content, err := os.ReadFile(out)

	if left, _ := os.ReadDir(dir); replaceErr != nil && len(left) != 1 {
		t.Errorf("got files %v after %v, want the input alone", left, replaceErr)
	}

	if replaceErr == nil && err != nil {
		t.Fatal(err)
	}

	return content, replaceErr
}

func TestModulesAreReplacedAndNothingElseChanges(t *testing.T) {
	before := stock(t, "6.18.1-talos", "6.1.0-other")
	files, root := replaced(t, xzed(t, newc(t, map[string]string{"init": "first", "rootfs.sqsh": string(before)})), kernels(t, "6.12.0-ours"))

	if files["init"] != "first" {
		t.Errorf("init: got %q, want it as it was", files["init"])
	}

	for name := range root {
		if strings.Contains(name, "talos") || strings.Contains(name, "other") || strings.Contains(name, "build") {
			t.Errorf("got %s, want the modules of our kernel alone and no link out of the root", name)
		}
	}

	for name, kind := range map[string]byte{
		"usr/lib/modules/6.12.0-ours":                        tar.TypeDir,
		"usr/lib/modules/6.12.0-ours/modules.dep":            tar.TypeReg,
		"usr/lib/modules/6.12.0-ours/kernel/drivers/ours.ko": tar.TypeReg,
	} {
		h := root[name]
		if h == nil || h.Typeflag != kind || !h.ModTime.Equal(epoch) || h.Uid != 0 {
			t.Errorf("%s: got %+v, want it there, of root, at %v", name, h, epoch)
		}
	}

	ours := root["usr/lib/modules/6.12.0-ours/kernel/drivers/ours.ko"]
	if got, want := ours.PAXRecords[label], labelled("stock_module_t")[label]; got != want || ours.Mode != 0o644 {
		t.Errorf("our module: got label %q and mode %o, want %q and 644", got, ours.Mode, want)
	}

	for r := tar.NewReader(bytes.NewReader(before)); ; {
		want, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}

		name := strings.Trim(strings.TrimPrefix(want.Name, "./"), "/")
		if strings.HasPrefix(name, "usr/lib/modules/") {
			continue
		}

		got := root[name]
		if got == nil || got.Mode != want.Mode || got.Typeflag != want.Typeflag || got.Linkname != want.Linkname || !got.ModTime.Equal(want.ModTime) ||
			got.PAXRecords[label] != want.PAXRecords[label] {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestARootWithoutModulesGetsOursLabelledAsTalosPolicySays(t *testing.T) {
	_, root := replaced(t, newc(t, map[string]string{"rootfs.sqsh": string(stock(t))}), kernels(t, "6.12.0-ours"))

	if h := root["usr/lib/modules/6.12.0-ours/kernel/drivers/ours.ko"]; h == nil || h.PAXRecords[label] != moduleLabel {
		t.Errorf("got %+v, want the label %s", h, moduleLabel)
	}
}

func TestModulesGoWhereAnOldRootHasThem(t *testing.T) {
	old := archived(t, tar.Header{Name: "./lib/", Typeflag: tar.TypeDir, Mode: 0o755}, tar.Header{Name: "./lib/modules/", Typeflag: tar.TypeDir, Mode: 0o755})
	_, root := replaced(t, newc(t, map[string]string{"rootfs.sqsh": string(old)}), kernels(t, "6.12.0-ours"))

	if h := root["lib/modules/6.12.0-ours/kernel/drivers/ours.ko"]; h == nil || h.PAXRecords[label] != "" {
		t.Errorf("got entries %v, want lib/modules/6.12.0-ours/kernel/drivers/ours.ko without a label", slices.Sorted(maps.Keys(root)))
	}
}

// The kernel takes archives in any order, each compressed or not; the imager appends extensions that way.
func TestEveryFormOfAnInitramfsGivesTheSame(t *testing.T) {
	modules := kernels(t, "6.12.0-ours")
	base := newc(t, map[string]string{"init": "first", "rootfs.sqsh": string(stock(t, "6.18.1-talos"))})
	extension := newc(t, map[string]string{"e.sqsh": string(archived(t, tar.Header{Name: "./e", Typeflag: tar.TypeReg})), "extensions.yaml": "layers: []"})
	older := newc(t, map[string]string{"init": "older"})

	var want []byte

	for name, source := range map[string][]byte{
		"plain":                         slices.Concat(base, extension),
		"with zeros between":            slices.Concat(base, make([]byte, 512), extension, make([]byte, 1024)),
		"xz":                            xzed(t, slices.Concat(base, extension)),
		"xz after xz":                   slices.Concat(xzed(t, base), xzed(t, extension)),
		"zstd after zstd":               slices.Concat(zstded(t, base), zstded(t, extension)),
		"compressed after plain":        slices.Concat(extension, zstded(t, base)),
		"the later file of a name wins": slices.Concat(older, extension, xzed(t, base)),
	} {
		got, err := replace(t, source, modules)
		if err != nil {
			t.Errorf("%s: got %v, want none", name, err)
		}

		if want == nil {
			want = got
		}

		if !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes, want the %d of the other forms", name, len(got), len(want))
		}
	}
}

func TestWhatIsNoInitramfsForTheseModulesIsRefused(t *testing.T) {
	root := string(stock(t, "6.18.1-talos"))
	sound := newc(t, map[string]string{"init": "first", "rootfs.sqsh": root})
	one := kernels(t, "6.12.0-ours")
	with := func(h tar.Header) []byte {
		return newc(t, map[string]string{"rootfs.sqsh": string(archived(t, tar.Header{Name: "./usr/lib/", Typeflag: tar.TypeDir}, h))})
	}

	for name, c := range map[string]struct {
		source  []byte
		modules string
		want    string
	}{
		"modules of two kernels":       {sound, kernels(t, "6.12.0-ours", "6.12.1-ours"), "want one kernel's"},
		"no modules":                   {sound, filepath.Join(one, "gone"), "want one kernel's"},
		"noise":                        {[]byte("nothing"), one, "neither a newc archive nor xz nor zstd"},
		"an archive, then noise":       {slices.Concat(sound, []byte("nothing")), one, "neither a newc archive nor xz nor zstd"},
		"no root":                      {newc(t, map[string]string{"init": "first"}), one, "no rootfs.sqsh"},
		"torn xz":                      {xzed(t, sound)[:200], one, "the file ends early"},
		"torn in a file":               {sound[:1500], one, "unexpected EOF"},
		"torn before the trailer":      {sound[:len(sound)-124], one, "unexpected EOF"},
		"an extension with modules":    {slices.Concat(sound, newc(t, map[string]string{"driver.sqsh": root})), one, "driver.sqsh: holds modules of another kernel"},
		"a root that is not Talos'":    {newc(t, map[string]string{"rootfs.sqsh": string(archived(t, tar.Header{Name: "./x", Typeflag: tar.TypeReg}))}), one, "the root has no usr/lib"},
		"a hard link to what goes":     {with(tar.Header{Name: "./x", Typeflag: tar.TypeLink, Linkname: "./usr/lib/modules/a"}), one, "hard link"},
		"a root that does not unpack":  {newc(t, map[string]string{"rootfs.sqsh": "noise"}), one, "rootfs.sqsh"},
		"compressed again and again":   {zstded(t, zstded(t, zstded(t, zstded(t, zstded(t, zstded(t, sound)))))), one, "neither a newc archive nor xz nor zstd"},
		"a file that is not there":     {nil, one, "no rootfs.sqsh"},
		"a kernel with a foreign link": {sound, foreign(t), "neither a file nor a directory"},
	} {
		if _, err := replace(t, c.source, c.modules); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// foreign is a kernel's modules with a link among them.
func foreign(t *testing.T) string {
	t.Helper()

	dir := kernels(t, "6.12.0-ours")
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "6.12.0-ours/kernel/drivers/link.ko")); err != nil {
		t.Fatal(err)
	}

	return dir
}

func TestAProgramThatFailsLeavesNothing(t *testing.T) {
	sound := newc(t, map[string]string{"rootfs.sqsh": string(stock(t, "6.18.1-talos"))})
	in := filepath.Join(t.TempDir(), "in")

	if err := os.WriteFile(in, sound, 0o600); err != nil {
		t.Fatal(err)
	}

	failing := []string{"sh", "-c", "echo no luck >&2; exit 1"}

	for name, change := range map[string]func(*tools){
		"sqfs2tar": func(t *tools) { t.fromSquash = failing },
		"tar2sqfs": func(t *tools) { t.toSquash = failing },
		"depmod":   func(t *tools) { t.depmod = failing },
	} {
		all := plain
		change(&all)

		out := filepath.Join(t.TempDir(), "out")
		if err := all.replace(t.Context(), in, kernels(t, "6.12.0-ours"), out, epoch); err == nil || !strings.Contains(err.Error(), "no luck") {
			t.Errorf("%s: got %v, want what it said", name, err)
		}

		if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got an output (%v), want none", name, err)
		}
	}
}
