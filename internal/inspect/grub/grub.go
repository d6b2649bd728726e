// SPDX-License-Identifier: MPL-2.0

// Package grub reads GRUB's menu in the form in which Talos writes it.
package grub

import (
	"regexp"
	"strings"
)

// Entry is an entry of GRUB's menu.
type Entry struct {
	Name    string   `json:"name"`
	Kernel  string   `json:"kernel"`
	Args    []string `json:"args,omitempty"`
	Initrd  string   `json:"initrd,omitempty"`
	Default bool     `json:"default,omitempty"`
}

var (
	grubDefault = regexp.MustCompile(`(?m)^\s*set default="?([^"\n]*)"?\s*$`)
	grubEntry   = regexp.MustCompile(`(?ms)^menuentry "([^"\n]*)" \{\n(.*?)^\}`)
	grubLinux   = regexp.MustCompile(`(?m)^\s*linux\s+(\S+)(.*)$`)
	grubInitrd  = regexp.MustCompile(`(?m)^\s*initrd\s+(\S+)`)
	grubEscape  = regexp.MustCompile(`\\(.)`)
)

// Parse reads the menu out of a configuration in the form in which Talos writes it.
func Parse(config string) []Entry {
	var (
		list     []Entry
		selected string
	)

	if m := grubDefault.FindStringSubmatch(config); m != nil {
		selected = m[1]
	}

	for _, m := range grubEntry.FindAllStringSubmatch(config, 64) {
		e := Entry{Name: m[1], Default: m[1] == selected}

		if l := grubLinux.FindStringSubmatch(m[2]); l != nil {
			e.Kernel = l[1]
			e.Args = strings.Fields(grubEscape.ReplaceAllString(l[2], "$1"))
		}

		if i := grubInitrd.FindStringSubmatch(m[2]); i != nil {
			e.Initrd = i[1]
		}

		list = append(list, e)
	}

	return list
}
