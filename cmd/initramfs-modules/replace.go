// SPDX-License-Identifier: MPL-2.0

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cavaliergopher/cpio"
	"github.com/klauspost/compress/zstd"

	"talos-nanopi-m6/internal/inspect/initramfs"
)

// tools are the programs called, each with its first arguments.
type tools struct {
	// fromSquash FILE writes a squashfs as tar, toSquash FILE reads tar and makes one; both keep labels and owners.
	fromSquash, toSquash []string
	// depmod BASEDIR RELEASE writes the modules' indices.
	depmod []string
}

func programs(cores string) tools {
	return tools{
		fromSquash: []string{"sqfs2tar", "--no-skip", "--root-becomes", "."},
		// Level 15 takes ten times the time for a tenth less.
		toSquash: []string{"tar2sqfs", "--quiet", "--no-skip", "--compressor", "zstd", "--comp-extra", "level=9", "--num-jobs", cores},
		depmod:   []string{"depmod", "--basedir"},
	}
}

// file is one of an initramfs.
type file struct {
	mode    cpio.FileMode
	link    string
	content string // a file, for a regular one
}

// replace does the program's work. After an error there is no output.
func (t tools) replace(ctx context.Context, source, modules, output string, epoch time.Time) error {
	release, err := kernel(modules)
	if err != nil {
		return err
	}

	work, err := os.MkdirTemp("", "initramfs-modules-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) // best effort

	files, err := unpack(source, work)
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}

	rootfs, ok := files[initramfs.RootfsName]
	if !ok {
		return fmt.Errorf("%s: %w", source, initramfs.ErrNoRootfs)
	}

	for name, f := range files {
		if name == initramfs.RootfsName || !strings.HasSuffix(name, initramfs.Squashfs) {
			continue
		}

		if err := t.withoutModules(ctx, f.content); err != nil {
			return fmt.Errorf("%s: the extension %s: %w (%s): leave it out, or build it for this one", source, name, err, release)
		}
	}

	base := filepath.Join(work, "modules")
	if err := copyModules(filepath.Join(modules, release), filepath.Join(base, "lib/modules", release)); err != nil {
		return err
	}

	if out, err := command(ctx, t.depmod, base, release).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", t.depmod[0], err, bytes.TrimSpace(out))
	}

	swapped := filepath.Join(work, initramfs.RootfsName)
	if err := t.swap(ctx, rootfs.content, swapped, root{modules: filepath.Join(base, "lib/modules"), epoch: epoch}); err != nil {
		return fmt.Errorf("%s: %s: %w", source, initramfs.RootfsName, err)
	}

	rootfs.content = swapped
	files[initramfs.RootfsName] = rootfs

	return pack(files, output, epoch)
}

// kernel is the release whose modules are in the directory: of one kernel alone.
func kernel(modules string) (string, error) {
	entries, err := os.ReadDir(modules)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}

	var releases []string

	for _, e := range entries {
		if e.IsDir() {
			releases = append(releases, e.Name())
		}
	}

	if len(releases) != 1 {
		return "", fmt.Errorf("%s: got the modules of %q, want one kernel's", modules, releases)
	}

	return releases[0], nil
}

// unpack reads an initramfs; contents go to files in work.
func unpack(source, work string) (map[string]file, error) {
	in, err := os.Open(source)
	if err != nil {
		return nil, err
	}
	defer in.Close() // only read

	files := map[string]file{}

	return files, initramfs.Files(in, func(h *cpio.Header, content io.Reader) error {
		name := initramfs.Name(h)
		f := file{mode: h.Mode, link: h.Linkname}

		switch kind := h.Mode &^ cpio.ModePerm; {
		case name == "": // the root itself
			return nil
		case kind == cpio.TypeReg && h.Links < 2:
			out, err := os.CreateTemp(work, "file-")
			if err != nil {
				return err
			}

			f.content = out.Name()

			if _, err := io.Copy(out, content); err != nil {
				return errors.Join(err, out.Close())
			}

			if err := out.Close(); err != nil {
				return err
			}
		case kind == cpio.TypeDir, kind == cpio.TypeSymlink:
		default:
			return fmt.Errorf("%s is neither a file of its own, a directory nor a symbolic link (mode %o): this is not an initramfs of Talos'", name, h.Mode)
		}

		files[name] = f

		return nil
	})
}

var errForeign = errors.New("holds modules of another kernel than this")

// withoutModules fails for a squashfs that holds modules.
func (t tools) withoutModules(ctx context.Context, squash string) error {
	out, err := command(ctx, t.fromSquash, squash).Output()
	if err != nil {
		return fmt.Errorf("%s: %w", t.fromSquash[0], err)
	}

	for r := tar.NewReader(bytes.NewReader(out)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}

		if err != nil {
			return err
		}

		if strings.Contains(h.Name, "lib/modules/") && strings.Contains(h.Name, ".ko") {
			return errForeign
		}
	}
}

// copyModules copies a kernel's modules, writable, without the links `build` and `source`, which lead out of the root.
func copyModules(from, to string) error {
	return filepath.WalkDir(from, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}

		relative, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}

		target := filepath.Join(to, relative)

		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case d.Type().IsRegular():
			content, err := os.ReadFile(name)
			if err != nil {
				return err
			}

			return os.WriteFile(target, content, 0o644)
		case relative == "build" || relative == "source":
			return nil
		default:
			return fmt.Errorf("%s is neither a file nor a directory", name)
		}
	})
}

// swap makes a squashfs of another, as r changes its tar.
func (t tools) swap(ctx context.Context, from, to string, r root) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	reader, writer := command(ctx, t.fromSquash, from), command(ctx, t.toSquash, to)

	in, err := reader.StdoutPipe()
	if err != nil {
		return err
	}

	out, err := writer.StdinPipe()
	if err != nil {
		return err
	}

	var readerSays, writerSays bytes.Buffer

	reader.Stderr, writer.Stderr, writer.Stdout = &readerSays, &writerSays, &writerSays

	if err := reader.Start(); err != nil {
		return err
	}

	if err := writer.Start(); err != nil {
		cancel()

		return errors.Join(err, reader.Wait())
	}

	err = r.change(in, out)
	if err == nil {
		_, err = io.Copy(io.Discard, in) // tar's end
	}

	if err = errors.Join(err, out.Close()); err != nil {
		cancel() // the other end of a pipe is waited for by nobody
	}

	for _, p := range []*exec.Cmd{reader, writer} {
		if waitErr := p.Wait(); waitErr != nil && err == nil {
			err = fmt.Errorf("%s: %w", p.Args[0], waitErr)
		}
	}

	if err != nil {
		return fmt.Errorf("%w %s%s", err, readerSays.Bytes(), writerSays.Bytes())
	}

	return nil
}

func command(ctx context.Context, program []string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, program[0], append(slices.Clone(program[1:]), args...)...)
}

// pack writes an initramfs of one archive.
func pack(files map[string]file, output string, epoch time.Time) (err error) {
	out, err := os.CreateTemp(filepath.Dir(output), ".initramfs-")
	if err != nil {
		return err
	}

	defer func() {
		if err != nil {
			err = errors.Join(err, out.Close(), os.Remove(out.Name()))
		}
	}()

	// The squashfs is compressed already. One encoder at a time: the bytes depend on no number of cores.
	compressed, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}

	archive := cpio.NewWriter(compressed)

	var names []string
	for name := range files {
		names = append(names, name)
	}

	slices.Sort(names) // a directory before what is in it

	for _, name := range names {
		if err := add(archive, name, files[name], epoch); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}

	if err := errors.Join(archive.Close(), compressed.Close(), out.Chmod(0o644)); err != nil {
		return err
	}

	if err := out.Close(); err != nil {
		return err
	}

	return os.Rename(out.Name(), output)
}

func add(archive *cpio.Writer, name string, f file, epoch time.Time) error {
	h := &cpio.Header{Name: name, Mode: f.mode, Links: 1, ModTime: epoch}

	if f.content == "" {
		h.Size = int64(len(f.link)) // a symbolic link's content is where it leads

		if err := archive.WriteHeader(h); err != nil {
			return err
		}

		_, err := io.WriteString(archive, f.link)

		return err
	}

	in, err := os.Open(f.content)
	if err != nil {
		return err
	}
	defer in.Close() // only read

	status, err := in.Stat()
	if err != nil {
		return err
	}

	h.Size = status.Size()

	if err := archive.WriteHeader(h); err != nil {
		return err
	}

	_, err = io.Copy(archive, in)

	return err
}
