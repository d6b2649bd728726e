// SPDX-License-Identifier: MPL-2.0

package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

const (
	// xattr begins the record of an extended attribute in a tar header, label is the record of an SELinux label.
	xattr = "SCHILY.xattr."
	label = xattr + "security.selinux"
	// moduleLabel is that of modules in Talos' policy, for a root that has labels and no module.
	moduleLabel = "system_u:object_r:module_t:s0"
)

// root changes a root's tar: without the entries below its lib/modules, and with those of the directory modules (which holds
// RELEASE/) in their place. They have the owner root, one time, and the labels of what they replace.
//
// The root is Talos': lib/modules is /usr/lib/modules since 1.10, /lib/modules before.
type root struct {
	modules string
	epoch   time.Time

	target *tar.Writer
	// top is where modules belong.
	top string
	// present are the entries that were kept, links where a symbolic one of them leads.
	present map[string]bool
	links   map[string]string
	// first is the header of the first directory, file and top directory of modules that was there.
	first    map[string]*tar.Header
	labelled bool
}

func (r root) change(in io.Reader, out io.Writer) error {
	r.target = tar.NewWriter(out)
	r.present, r.links, r.first = map[string]bool{}, map[string]string{}, map[string]*tar.Header{}

	if err := r.keep(tar.NewReader(in)); err != nil {
		return err
	}

	// Where /lib leads to /usr/lib the modules belong there.
	r.top = "usr/lib/modules"
	if !r.present[r.top] && r.present["lib"] && r.links["lib"] == "" {
		r.top = "lib/modules"
	}

	if parent := path.Dir(r.top); !r.present[parent] {
		return fmt.Errorf("the root has no %s: this is not a root of Talos'", parent)
	}

	if err := r.add(r.modules, r.top); err != nil {
		return err
	}

	return r.target.Close()
}

// keep copies what is not below lib/modules.
func (r *root) keep(source *tar.Reader) error {
	for {
		h, err := source.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}

		if err != nil {
			return err
		}

		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		r.labelled = r.labelled || h.PAXRecords[label] != ""

		if h.Typeflag == tar.TypeSymlink {
			r.links[name] = h.Linkname
		}

		for _, top := range []string{"usr/lib/modules", "lib/modules"} {
			switch {
			case name == top:
				r.like("top", h)
			case strings.HasPrefix(name, top+"/") && h.Typeflag == tar.TypeDir:
				r.like("directory", h)
			case strings.HasPrefix(name, top+"/"):
				r.like("file", h)
			}
		}

		if strings.HasPrefix(name, "usr/lib/modules/") || strings.HasPrefix(name, "lib/modules/") {
			continue
		}

		if h.Typeflag == tar.TypeLink && strings.Contains(h.Linkname, "lib/modules/") {
			return fmt.Errorf("%s is a hard link to %s, which goes: this is not a root of Talos'", name, h.Linkname)
		}

		r.present[name] = true

		if err := r.target.WriteHeader(h); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}

		if _, err := io.Copy(r.target, source); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}

// like remembers the first header of a kind.
func (r *root) like(kind string, h *tar.Header) {
	if r.first[kind] == nil {
		r.first[kind] = h
	}
}

// add writes a directory of modules with what is in it, but for the top directory that is there.
func (r *root) add(directory, at string) error {
	return filepath.WalkDir(directory, func(file string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}

		relative, err := filepath.Rel(directory, file)
		if err != nil {
			return err
		}

		name := path.Join(at, filepath.ToSlash(relative))
		if name == at && r.present[at] {
			return nil
		}

		h := &tar.Header{Typeflag: tar.TypeDir, Name: "./" + name + "/", Mode: 0o755, ModTime: r.epoch, Format: tar.FormatPAX}
		kind := "directory"

		if !d.IsDir() {
			status, err := d.Info()
			if err != nil {
				return err
			}

			h.Typeflag, h.Name, h.Mode, h.Size, kind = tar.TypeReg, "./"+name, 0o644, status.Size(), "file"
		}

		h.PAXRecords = r.attributes(kind)

		if err := r.target.WriteHeader(h); err != nil || d.IsDir() {
			return err
		}

		content, err := os.Open(file)
		if err != nil {
			return err
		}
		defer content.Close() // only read

		_, err = io.Copy(r.target, content)

		return err
	})
}

// attributes are the extended attributes of what an entry of this kind replaces.
func (r *root) attributes(kind string) map[string]string {
	records := map[string]string{}

	h := r.first[kind]
	if h == nil {
		h = r.first["top"]
	}

	if h != nil {
		records = maps.Clone(h.PAXRecords)
		maps.DeleteFunc(records, func(key, _ string) bool { return !strings.HasPrefix(key, xattr) })
	}

	if r.labelled && records[label] == "" {
		if records == nil {
			records = map[string]string{}
		}

		records[label] = moduleLabel
	}

	return records
}
